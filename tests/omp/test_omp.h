/* For tests of liballocarrays-omp: handles, and what they lead to. */
#ifndef AA_TESTS_OMP_TEST_OMP_H
#define AA_TESTS_OMP_TEST_OMP_H

#include "kinds.h"
#include "patterns.h"
#include "violations.h"

#include <allocarrays/omp.h>
#include <omp.h>
#include <stdlib.h>

/* The kinds of allocators that can stand behind a handle. */
enum { OMP_HEAP = BUMP_KINDS, OMP_CUSTOM, OMP_KINDS };

#define AA_TEST_OMP_KINDS(name) AA_TEST_LOOP(name, 0, OMP_KINDS)

static inline void *malloc_method(void *state, size_t bytes, size_t alignment)
{
    ++*(int *)state;
    return aligned_alloc(alignment, (bytes + alignment - 1) & ~(alignment - 1));
}

static inline void free_method(void *state, void *pointer, size_t bytes)
{
    (void)bytes;
    --*(int *)state;
    free(pointer);
}

/* How many blocks of the custom allocator are out. */
static int custom_out;

static inline aa_allocator *omp_kind_create(int kind)
{
    static const aa_allocator_ops ops = {
        .size = sizeof ops, .alloc = malloc_method, .free = free_method};
    aa_allocator *const made = kind == OMP_HEAP     ? aa_heap()
                               : kind == OMP_CUSTOM ? aa_custom_create(&ops, &custom_out, NULL)
                                                    : bump_create(kind, NULL);
    ck_assert_msg(made != NULL, "kind %d: %s", kind, aa_last_message());
    return made;
}

static inline void omp_kind_destroy(aa_allocator *allocator)
{
    if (allocator != aa_heap()) {
        assert_status(aa_destroy(allocator), AA_OK);
    }
}

static inline omp_allocator_handle_t handle_of(aa_allocator *allocator)
{
    const omp_allocator_handle_t handle = aa_omp_allocator(allocator);
    ck_assert_msg(handle != omp_null_allocator, "%s", aa_last_message());
    return handle;
}

static inline size_t used_by(const aa_allocator *allocator)
{
    return stats_of(allocator).used;
}

/* A handle of the runtime's own. */
static inline omp_allocator_handle_t their_handle(void)
{
    omp_alloctrait_t trait = {omp_atk_alignment, 64};
    const omp_allocator_handle_t made = omp_init_allocator(omp_default_mem_space, 1, &trait);
    ck_assert(made != omp_null_allocator);
    return made;
}

#endif
