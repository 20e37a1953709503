/* A system that lacks what others have: its calls, wrapped by the linker, fail as a test says. */
#include "child.h"
#include "kinds.h"
#include "patterns.h"
#include "runner.h"
#include "violations.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <unistd.h>

static struct {
    bool no_page_size, no_populate, no_keys, no_attributes, no_stack;
} poor;

static int refused;

#define WRAP(result, name, parameters, arguments, lacks, answer)                                   \
    result __real_##name parameters;                                                               \
    result __wrap_##name parameters;                                                               \
    result __wrap_##name parameters                                                                \
    {                                                                                              \
        refused += (lacks);                                                                        \
        return (lacks) ? (answer) : __real_##name arguments;                                       \
    }

WRAP(long, sysconf, (int name), (name), poor.no_page_size &&name == _SC_PAGESIZE, -1)
WRAP(int, madvise, (void *start, size_t bytes, int advice), (start, bytes, advice),
     poor.no_populate, (errno = EINVAL, -1))
WRAP(int, pthread_key_create, (pthread_key_t * key, void (*end)(void *)), (key, end), poor.no_keys,
     EAGAIN)
WRAP(int, pthread_getattr_np, (pthread_t thread, pthread_attr_t *attributes), (thread, attributes),
     poor.no_attributes, ENOENT)
WRAP(int, pthread_attr_getstack, (const pthread_attr_t *attributes, void **low, size_t *bytes),
     (attributes, low, bytes), poor.no_stack, EINVAL)

START_TEST(pages_are_of_4096_bytes_where_the_system_does_not_say)
{
    poor.no_page_size = true;
    aa_allocator *const a = bump_create(_i, NULL);
    char *const p = aa_alloc(a, 10000);
    ck_assert_ptr_nonnull(p);
    pattern_fill(p, 10000, 1);
    ck_assert(pattern_holds(p, 10000, 1));
    ck_assert_int_gt(refused, 0);
    ck_assert_uint_eq(stats_of(a).committed % 4096, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* Linux before 5.14 knows no MADV_POPULATE_WRITE. */
START_TEST(memory_is_there_at_once_where_the_system_cannot_populate)
{
    enum { PAGES = 64, PAGE = 4096 };
    poor.no_populate = true;
    aa_allocator *const a =
        bump_create(_i, &(aa_options){.flags = AA_PREFAULT, .initial = (size_t)PAGES * PAGE});
    errno = 7;
    char *const p = aa_alloc_aligned(a, (size_t)(PAGES - 1) * PAGE, PAGE);
    ck_assert_ptr_nonnull(p);
    ck_assert_int_eq(errno, 7);
    ck_assert_int_gt(refused, 0);
    unsigned char resident[PAGES - 1];
    ck_assert_int_eq(mincore(p, sizeof resident * PAGE, resident), 0);
    for (int i = 0; i < PAGES - 1; ++i) {
        ck_assert_msg((resident[i] & 1) != 0, "page %d is not there", i);
        ck_assert_int_eq(p[i * PAGE], 0);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* A thread whose end could not be told is none that the library can serve. */
START_TEST(without_a_thread_key_nothing_is_created_and_the_status_says_so)
{
    pthread_key_t others; /* the number that ours, not made, has by chance */
    ck_assert_int_eq(pthread_key_create(&others, NULL), 0);
    poor.no_keys = true;
    ck_assert_ptr_null(bump_try_create(_i, NULL));
    assert_status(aa_last_status(), AA_NOMEM);
    const aa_array array = aa_empty(aa_heap(), AA_F64, 1, (const int64_t[]){10});
    ck_assert(aa_is_null(&array));
    assert_status(aa_last_status(), AA_NOMEM);
    ck_assert_ptr_null(pthread_getspecific(others));
    ck_assert_int_gt(refused, 0);
}
END_TEST

static jmp_buf out;

static __attribute__((noinline)) void jump_out_of_a_scope(aa_allocator *a)
{
    AA_WITH(a) {
        longjmp(out, 1);
    }
}

/* Frames on a stack that is not known to be the thread's cannot be compared: nothing is repaired by guess, and the scope that
 * was jumped over ends with the one around it. */
START_TEST(a_scope_that_was_jumped_over_stays_until_an_outer_one_ends)
{
    aa_allocator *const outer = bump_create(SHARED, NULL), *const inner = bump_create(SHARED, NULL);
    poor.no_attributes = _i == 0;
    poor.no_stack = _i == 1;
    const aa_scope scope = aa_scope_enter(outer);
    if (setjmp(out) == 0) {
        jump_out_of_a_scope(inner);
    }
    AA_WITH(outer) {
        ck_assert_ptr_eq(aa_current(), outer);
    }
    ck_assert_ptr_eq(aa_current(), inner);
    ck_assert_int_gt(refused, 0);
    assert_status(aa_scope_leave(scope), AA_ORDER);
    ck_assert_ptr_eq(aa_current(), aa_heap());
    assert_status(aa_destroy(inner), AA_OK);
    assert_status(aa_destroy(outer), AA_OK);
}
END_TEST

AA_TEST_MAIN("oom: a poor system",
             AA_TEST_BUMP(pages_are_of_4096_bytes_where_the_system_does_not_say),
             AA_TEST_BUMP(memory_is_there_at_once_where_the_system_cannot_populate),
             AA_TEST_BUMP(without_a_thread_key_nothing_is_created_and_the_status_says_so),
             AA_TEST_LOOP(a_scope_that_was_jumped_over_stays_until_an_outer_one_ends, 0, 2))
