/* The C heap refuses what the library notes its own state in (linked with --wrap): creation says so and leaves nothing.
 * make check-faults refuses it everywhere. */
#include "kinds.h"
#include "runner.h"
#include "violations.h"

static int refuse_at, asked;

static bool refuses(void)
{
    return refuse_at != 0 && ++asked == refuse_at;
}

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *pointer, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *pointer, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
    return refuses() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return refuses() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *pointer, size_t bytes)
{
    return refuses() ? NULL : __real_realloc(pointer, bytes);
}

/* Create one with the n-th request refused and take memory; whether a request was refused. */
static bool create_with(int kind, int n)
{
    const aa_options options = {.checks = AA_CHECKS_FULL};
    aa_last_clear();
    refuse_at = n;
    asked = 0;
    aa_allocator *const a = bump_try_create(kind, &options);
    void *const p = a == NULL ? NULL : aa_alloc(a, 100);
    const bool refused = asked >= n;
    refuse_at = 0;
    if (p == NULL) {
        assert_status(aa_last_status(), AA_NOMEM);
    }
    if (a != NULL) {
        ck_assert_ptr_nonnull(aa_alloc(a, 100));
        assert_status(aa_destroy(a), AA_OK);
    }
    return refused;
}

START_TEST(an_allocator_whose_checks_find_no_memory_is_refused_with_a_status)
{
    int n = 1;
    ck_assert(!create_with(_i, 1000)); /* what the process needs once is there from now on */
    while (create_with(_i, n)) {
        ck_assert_int_lt(++n, 100);
    }
    ck_assert_int_gt(n, 4);
}
END_TEST

AA_TEST_MAIN("oom: metadata",
             AA_TEST_BUMP(an_allocator_whose_checks_find_no_memory_is_refused_with_a_status))
