/* A user of liballocarrays-omp: omp_alloc is served by the allocator behind the handle. */
#include <allocarrays.h>
#include <omp.h>
#include <stdio.h>

int main(void)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const omp_allocator_handle_t handle = (omp_allocator_handle_t)aa_omp_handle(arena);
    void *const memory = omp_alloc(1000, handle);
    const bool ours = memory != NULL && aa_owns(arena, memory);
    omp_free(memory, handle);
    if (!ours || aa_destroy(arena) != AA_OK) {
        (void)fprintf(stderr, "omp_alloc was not served by the arena: %s\n", aa_last_message());
        return 1;
    }
    return printf("omp_alloc comes from the arena\n") < 0;
}
