/* What a report says of the first block where that is huge, where a fallback passed the capacity, and with redzones. */
#include "child.h"
#include "kinds.h"
#include "runner.h"
#include "violations.h"

enum { PAGE = 4096 };

static char *report_of(const aa_allocator *a)
{
    char *text = NULL;
    size_t length = 0;
    FILE *const file = open_memstream(&text, &length);
    ck_assert_ptr_nonnull(file);
    assert_status(aa_report(file, a), AA_OK);
    (void)fclose(file);
    return text;
}

static void assert_reports(const aa_allocator *a, const char *wanted)
{
    char *const text = report_of(a);
    ck_assert_msg(strstr(text, wanted) != NULL, "no \"%s\" in %s", wanted, text);
    free(text);
}

/* Its pages are never touched. */
START_TEST(a_size_is_in_the_largest_unit_that_it_fills_rounded_up)
{
    static const struct {
        size_t bytes;
        const char *wanted;
    } sizes[] = {{4 << 10, "; 4 KiB (.initial = 4096) "},
                 {(1 << 20) - PAGE, "; 1020 KiB ("},
                 {1 << 20, "; 1 MiB ("},
                 {(1 << 20) + PAGE, "; 1.1 MiB ("},
                 {(1 << 30) - PAGE, "; 1024 MiB ("},
                 {1 << 30, "; 1 GiB (.initial = 1073741824) "},
                 {(1 << 30) + PAGE, "; 1.1 GiB ("}};
    aa_allocator *const a =
        aa_arena_create(&(aa_options){.checks = AA_CHECKS_NONE, .initial = sizes[_i].bytes});
    ck_assert_ptr_nonnull(aa_alloc(a, sizes[_i].bytes - 1024));
    assert_reports(a, sizes[_i].wanted);
    assert_reports(a, " would have (1 block was taken)\n");
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(beyond_the_capacity_only_the_largest_round_is_said)
{
    enum { CAPACITY = 16 * PAGE };
    aa_allocator *const a = bump_create(_i, &(aa_options){.name = "beyond",
                                                          .checks = AA_CHECKS_NONE,
                                                          .capacity = CAPACITY,
                                                          .fallback = aa_upstream_heap()});
    ck_assert_ptr_nonnull(aa_alloc(a, 1000));
    char *const within = report_of(a); /* a fallback that has given nothing yet */
    ck_assert_msg(strstr(within, "the first block held every round") != NULL, "%s", within);
    free(within);
    ck_assert_ptr_nonnull(aa_alloc(a, (size_t)10 * CAPACITY));
    char *const text = report_of(a);
    ck_assert_msg(strstr(text, "  the largest round took 704 KiB, more than the capacity (2 blocks "
                               "were taken)\n") != NULL,
                  "%s", text);
    ck_assert_msg(strstr(text, ".initial") == NULL, "%s", text);
    free(text);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(blocks_that_hold_redzones_are_said_to)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.checks = AA_CHECKS_FULL});
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    assert_reports(a, "(1 block was taken, with redzones)\n");
    ck_assert_ptr_nonnull(aa_alloc(a, 1 << 20));
    assert_reports(a, "(2 blocks were taken, with redzones)\n");
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

AA_TEST_MAIN("reports", AA_TEST_LOOP(a_size_is_in_the_largest_unit_that_it_fills_rounded_up, 0, 7),
             AA_TEST_BUMP(beyond_the_capacity_only_the_largest_round_is_said),
             AA_TEST_BUMP(blocks_that_hold_redzones_are_said_to))
