/* The C part of tests/misuse/exceptions: a scope around a call that throws. Compiled twice, with -fexceptions, where
 * an exception runs the scope's end, and without, where it jumps over it. */
#include <allocarrays.h>

void under_scope(aa_allocator *allocator, void (*callback)(void));

void under_scope(aa_allocator *allocator, void (*callback)(void))
{
    AA_WITH(allocator) {
        callback();
    }
}
