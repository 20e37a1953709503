/* What a race detector is told: this program has its two calls. An allocation reads a byte and a reset writes it, so
 * that a reset beside an allocation is a race that the detector sees, whatever locks both take. */
#include "kinds.h"
#include "runner.h"
#include "violations.h"

enum { TOLD = 1024 };

static struct {
    const void *bytes[TOLD];
    int count;
} reads, writes;

/* The names are ThreadSanitizer's: the library finds them by their weak symbols. */
void __tsan_read1(void *byte);
void __tsan_write1(void *byte);

void __tsan_read1(void *byte)
{
    reads.bytes[reads.count++ % TOLD] = byte;
}

void __tsan_write1(void *byte)
{
    writes.bytes[writes.count++ % TOLD] = byte;
}

START_TEST(each_allocation_reads_what_a_reset_writes)
{
    enum { ROUNDS = 3, EACH = 50 };
    aa_allocator *const a = bump_create(_i, NULL);
    for (int round = 0; round < ROUNDS; ++round) {
        for (int i = 0; i < EACH; ++i) {
            ck_assert_ptr_nonnull(aa_alloc(a, 64)); /* none of them inline, where nothing is told */
        }
        assert_status(aa_reset(a), AA_OK);
    }
    ck_assert_int_eq(reads.count, ROUNDS * EACH);
    ck_assert_int_eq(writes.count, ROUNDS);
    for (int i = 0; i < reads.count; ++i) {
        ck_assert_ptr_eq(reads.bytes[i], writes.bytes[0]);
    }
    ck_assert_ptr_eq(writes.bytes[1], writes.bytes[0]);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(the_byte_is_the_allocators_own)
{
    aa_allocator *const a = bump_create(_i, NULL), *const b = bump_create(_i, NULL);
    ck_assert_ptr_nonnull(aa_alloc(a, 64));
    ck_assert_ptr_nonnull(aa_alloc(b, 64));
    ck_assert_int_eq(reads.count, 2);
    ck_assert_ptr_ne(reads.bytes[0], reads.bytes[1]);
    assert_status(aa_destroy(b), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

AA_TEST_MAIN("tools: a race detector", AA_TEST_BUMP(each_allocation_reads_what_a_reset_writes),
             AA_TEST_BUMP(the_byte_is_the_allocators_own))
