/* As test_poor_runtime.c, with the first CUT of the six allocator calls: a static libgomp of which a linker took some
 * members. Scopes need the first three, memory of the runtime all. */
#include "kinds.h"
#include "runner.h"
#include "violations.h"

#include <stdint.h>
#include <stdlib.h>

/* Of OpenMP 5.0; omp.h would declare the calls, each compiler's in its own way. */
enum { DEFAULT_MEM_ALLOC = 1, LARGE_CAP_MEM_ALLOC = 2, LARGE_CAP_MEM_SPACE = 1, ATK_PINNED = 7 };

enum { CARRIES = CUT >= 3 };

/* The names are the runtime's: the library finds them by their weak symbols. */
int omp_get_level(void);
uintptr_t omp_get_default_allocator(void);
void omp_set_default_allocator(uintptr_t handle);
uintptr_t omp_init_allocator(uintptr_t space, int count, const void *traits);
void omp_destroy_allocator(uintptr_t handle);
void *omp_alloc(size_t bytes, uintptr_t handle);

int omp_get_level(void)
{
    return 0;
}

#if CUT >= 1
static uintptr_t current = DEFAULT_MEM_ALLOC;

uintptr_t omp_get_default_allocator(void)
{
    return current;
}
#endif

#if CUT >= 2
void omp_set_default_allocator(uintptr_t handle)
{
    current = handle;
}
#endif

#if CUT >= 3
uintptr_t omp_init_allocator(uintptr_t space, int count, const void *traits)
{
    static uintptr_t last = 1000;
    (void)space;
    (void)count;
    (void)traits;
    return ++last;
}
#endif

#if CUT >= 4
void omp_destroy_allocator(uintptr_t handle)
{
    (void)handle;
}
#endif

#if CUT >= 5
void *omp_alloc(size_t bytes, uintptr_t handle)
{
    (void)handle;
    return malloc(bytes);
}
#endif

START_TEST(it_carries_scopes_where_it_has_their_calls)
{
    aa_allocator *const a = bump_create(_i, NULL);
    const uintptr_t handle = aa_omp_handle(a);
    ck_assert((handle != 0) == CARRIES);
    AA_WITH(a) {
        ck_assert_ptr_eq(aa_current(), a);
#if CUT >= 3
        ck_assert_uint_eq(current, handle);
#endif
    }
    ck_assert_ptr_eq(aa_current(), aa_heap());
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(its_memory_is_unsupported)
{
    const struct {
        int key;
        uintptr_t value;
    } pinned = {ATK_PINNED, true};
    assert_fails(aa_upstream_omp(LARGE_CAP_MEM_ALLOC), AA_UNSUPPORTED);
    assert_fails(aa_allocator_from_traits(LARGE_CAP_MEM_SPACE, 1, &pinned), AA_UNSUPPORTED);
}
END_TEST

AA_TEST_MAIN("omp: a cut runtime", AA_TEST_BUMP(it_carries_scopes_where_it_has_their_calls),
             AA_TEST(its_memory_is_unsupported))
