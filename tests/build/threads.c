/* Plain POSIX threads on all kinds of allocators, without OpenMP and without check: for tools that must see every
 * instruction of a program, as MemorySanitizer does. Argument: rounds. Prints its calls; exit status 1 on a wrong byte or a
 * refused call.
 *
 * A round: every thread takes memory and arrays from a shared and a private allocator, an arena of its own and the heap, under
 * marks, scratches and scopes, and fills them; all meet; each reads what its neighbour wrote; all meet again, and the
 * first resets. */
#include <allocarrays.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, BLOCKS = 24, ROWS = 6, COLUMNS = 50 };

static pthread_barrier_t meeting;
static aa_allocator *shared, *private_;
static unsigned char *written[THREADS][BLOCKS];
static aa_array table[THREADS];
static int rounds, failures;
static long calls;

static void expect(bool held)
{
    __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
    if (!held) {
        __atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
    }
}

static size_t bytes_of(int thread, int block)
{
    return (size_t)(1 + (thread * 37 + block * 101) % 900);
}

/* Some of them through a larger or smaller size first. */
static void *take(aa_allocator *from, size_t bytes, int block)
{
    switch (block % 4) {
    case 0:
        return aa_realloc(from, aa_alloc(from, bytes + 40), bytes + 40, bytes);
    case 1:
        return aa_realloc(from, aa_calloc(from, 1, bytes / 2 + 1), bytes / 2 + 1, bytes);
    case 2:
        return aa_alloc_aligned(from, bytes, 256);
    default:
        return aa_alloc(from, bytes);
    }
}

static void fill_blocks(int thread, aa_allocator *own)
{
    aa_allocator *const from[] = {shared, private_, own};
    for (int i = 0; i < BLOCKS; ++i) {
        const size_t bytes = bytes_of(thread, i);
        written[thread][i] = take(from[i % 3], bytes, i / 3);
        expect(written[thread][i] != NULL);
        memset(written[thread][i], thread * BLOCKS + i, bytes);
    }
}

static void read_blocks(int thread)
{
    for (int i = 0; i < BLOCKS; ++i) {
        const size_t bytes = bytes_of(thread, i);
        for (size_t at = 0; at < bytes; ++at) {
            if (written[thread][i][at] != thread * BLOCKS + i) {
                expect(false);
                return;
            }
        }
    }
}

/* What a mark, a scratch and a scope took is gone before the others look. */
static void pass_through(aa_allocator *own)
{
    const aa_mark mark = aa_mark_take(own);
    char *const above = aa_alloc(own, 3000);
    expect(above != NULL);
    memset(above, 1, 3000);
    expect(aa_mark_rewind(mark) == AA_OK);
    AA_SCRATCH(private_) {
        const aa_array x = aa_zeros(private_, AA_F64, 1, (const int64_t[]){200});
        expect(!aa_is_null(&x) && ((const double *)x.data)[199] == 0);
    }
    const aa_scope scope = aa_scope_enter(own);
    const aa_array bound = aa_bind(&table[0], AA_CURRENT), copied = aa_copy(&bound);
    expect(!aa_is_null(&copied) && aa_owns(own, copied.data));
    expect(aa_scope_leave(scope) == AA_OK);
    char *const on_heap = aa_calloc(aa_heap(), 10, 10);
    expect(on_heap != NULL && on_heap[99] == 0);
    aa_free(aa_heap(), on_heap, 100);
}

static void fill_table(int thread)
{
    table[thread] = aa_empty(shared, AA_I32, 2, (const int64_t[]){ROWS, COLUMNS});
    expect(!aa_is_null(&table[thread]));
    for (int i = 0; i < ROWS * COLUMNS; ++i) {
        ((int *)table[thread].data)[i] = i;
    }
}

static void read_table(int thread)
{
    const aa_array every_third =
        aa_slice(&table[thread], (const aa_range[]){{1, ROWS, 1}, {0, COLUMNS, 3}});
    aa_array flat = aa_materialize(&every_third);
    expect(!aa_is_null(&flat) && aa_count(&flat) == (ROWS - 1) * ((COLUMNS + 2) / 3));
    expect(((const int *)flat.data)[1] == COLUMNS + 3);
    expect(aa_array_free(&flat) == AA_OK);
}

static void reset_all(void)
{
    expect(aa_reset(shared) == AA_OK);
    expect(aa_reset(private_) == AA_OK);
}

static void *work(void *argument)
{
    const int thread = (int)(size_t)argument, neighbour = (thread + 1) % THREADS;
    aa_allocator *const own = aa_arena_create(NULL);
    for (int round = 0; round < rounds; ++round) {
        fill_table(thread);
        fill_blocks(thread, own);
        (void)pthread_barrier_wait(&meeting);
        pass_through(own);
        read_blocks(neighbour);
        read_table(neighbour);
        (void)pthread_barrier_wait(&meeting);
        if (thread == 0) {
            reset_all();
        }
        expect(aa_reset(own) == AA_OK);
        (void)pthread_barrier_wait(&meeting);
    }
    expect(aa_destroy(own) == AA_OK);
    return NULL;
}

int main(int argc, char **argv)
{
    rounds = argc > 1 ? atoi(argv[1]) : 50;
    (void)pthread_barrier_init(&meeting, NULL, THREADS);
    shared = aa_shared_create(NULL);
    private_ = aa_private_create(NULL);
    /* Twice: the second time threads take over what ended ones have left. */
    for (int team = 0; team < 2; ++team) {
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; ++i) {
            if (pthread_create(&threads[i], NULL, work, (void *)(size_t)i) != 0) {
                return 2;
            }
        }
        for (int i = 0; i < THREADS; ++i) {
            (void)pthread_join(threads[i], NULL);
        }
    }
    expect(aa_destroy(shared) == AA_OK);
    expect(aa_destroy(private_) == AA_OK);
    printf("threads: %d rounds of %d threads, %ld checks, %d failed\n", rounds, THREADS, calls,
           failures);
    return failures != 0;
}
