/* As test_poor_runtime.c, with the first CUT of the six allocator calls: a static libgomp of which a linker took some
 * members. Scopes need the first three, memory of the runtime all. */
#include "kinds.h"
#include "runner.h"
#include "violations.h"

#include <omp.h>
#include <stdint.h>
#include <stdlib.h>

enum { CARRIES = CUT >= 3 };

/* The names are the runtime's: the library finds them by their weak symbols. */
int omp_get_level(void)
{
    return 0;
}

#if CUT >= 1
static uintptr_t current = omp_default_mem_alloc;

omp_allocator_handle_t omp_get_default_allocator(void)
{
    return (omp_allocator_handle_t)current;
}
#endif

#if CUT >= 2
void omp_set_default_allocator(omp_allocator_handle_t handle)
{
    current = (uintptr_t)handle;
}
#endif

#if CUT >= 3
omp_allocator_handle_t omp_init_allocator(omp_memspace_handle_t space, int count,
                                          const omp_alloctrait_t traits[])
{
    static uintptr_t last = 1000;
    (void)space;
    (void)count;
    (void)traits;
    return (omp_allocator_handle_t)++last;
}
#endif

#if CUT >= 4
void omp_destroy_allocator(omp_allocator_handle_t handle)
{
    (void)handle;
}
#endif

#if CUT >= 5
void *omp_alloc(size_t bytes, omp_allocator_handle_t handle)
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
    const omp_alloctrait_t pinned = {omp_atk_pinned, omp_atv_true};
    assert_fails(aa_upstream_omp(omp_large_cap_mem_alloc), AA_UNSUPPORTED);
    assert_fails(aa_allocator_from_traits(omp_large_cap_mem_space, 1, &pinned), AA_UNSUPPORTED);
}
END_TEST

AA_TEST_MAIN("omp: a cut runtime", AA_TEST_BUMP(it_carries_scopes_where_it_has_their_calls),
             AA_TEST(its_memory_is_unsupported))
