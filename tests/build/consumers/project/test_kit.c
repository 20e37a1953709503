/* A user of the test kit. */
#include <allocarrays/check.h>

START_TEST(nothing_escapes)
{
    aa_allocator *const bump = aa_shared_create(NULL);
    AA_CHECK_NO_ESCAPE(bump) {
        AA_SCRATCH(bump) {
            ck_assert_ptr_nonnull(aa_alloc(bump, 100));
        }
    }
    AA_CHECK_OK(aa_destroy(bump));
}
END_TEST

AA_CHECK_MAIN("consumer", nothing_escapes)
