/* Mistake: the memory under a buffer upstream is freed while an arena still works in it
 * Cure: destroy the arena, then the upstream (aa_upstream_destroy says AA_BUSY until then), then free */
#include "bug.h"

int main(void)
{
    char *const memory = malloc(65536);
    aa_upstream *const u = aa_upstream_buffer(memory, 65536);
    aa_allocator *const a = aa_arena_create(&(aa_options){.name = "in a buffer", .upstream = u});
    volatile double *const x = AA_NEW(a, double, 100);
    const aa_status status = aa_upstream_destroy(u);
    const int ending = status == AA_OK ? BUG_UNNOTICED : bug_refused();
    free(memory);
    x[0] = 1;
    (void)aa_destroy(a);
    (void)aa_upstream_destroy(u);
    return ending;
}
