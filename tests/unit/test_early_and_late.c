/* The library before main and at exit: in constructors, in exit handlers that were installed before the library's
 * own, in destructors, with OpenMP regions. A program by itself: check's runner must not have used the library. */
#include <allocarrays.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static aa_allocator *shared, *private_;
static int rounds, wrong;

static void count(int failed, const char *what)
{
    if (failed != 0) {
        (void)fprintf(stderr, "early and late: %s in round %d\n", what, rounds);
        ++wrong;
    }
}

/* What a program does all day. */
static void a_round(void)
{
    static const int64_t shape[] = {10};
    ++rounds;
    AA_WITH(shared) {
        int lost = 0;
#pragma omp parallel num_threads(2) reduction(+ : lost)
        {
            lost += aa_current() != shared;
            lost += aa_alloc(AA_CURRENT, 100) == NULL;
            lost += aa_alloc(private_, 100) == NULL;
        }
        count(lost, "a region lost its scope or its memory");
        const aa_array x = aa_zeros(AA_CURRENT, AA_F64, 1, shape);
        count(aa_is_null(&x), "no array");
    }
    count(aa_current() != aa_heap(), "the scope is still open");
    count(aa_reset(shared) != AA_OK || aa_reset(private_) != AA_OK, "a reset was refused");
}

/* Installed first, hence called last: after the library's own handlers. */
static void last_of_all(void)
{
    a_round();
    count(aa_destroy(shared) != AA_OK || aa_destroy(private_) != AA_OK, "not destroyed");
    count(rounds != 4, "a round is missing");
    _exit(wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

__attribute__((constructor)) static void before_main(void)
{
    (void)atexit(last_of_all);
    shared = aa_shared_create(NULL);
    private_ = aa_private_create(NULL);
    a_round();
}

static void at_exit(void)
{
    a_round();
}

int main(void)
{
    a_round();
    (void)atexit(at_exit);
    return 99; /* last_of_all decides */
}
