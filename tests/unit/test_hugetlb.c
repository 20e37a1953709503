/* AA_HUGETLB=1: blocks of AA_HUGEPAGES out of the huge pages that the system keeps reserved.
 *
 * Few systems keep any, so mmap and munmap stand in here for a system with a pool of them; the last test asks the real
 * one, whatever it has. */
#include "child.h"
#include "runner.h"
#include "violations.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HUGE = 2 << 20 };

static size_t pool;  /* bytes of huge pages that are left */
static bool is_real; /* mmap is the system's own */
static int asked,
    bad_sizes; /* requests for huge pages; those and ends of theirs that are not whole pages */
static char *taken[8];
static size_t taken_bytes[8];

static void *system_mmap(void *address, size_t bytes, int protection, int flags, int file, off_t at)
{
    void *(*next)(void *, size_t, int, int, int, off_t);
    *(void **)&next = dlsym(RTLD_NEXT, "mmap");
    return next(address, bytes, protection, flags, file, at);
}

static int system_munmap(void *address, size_t bytes)
{
    int (*next)(void *, size_t);
    *(void **)&next = dlsym(RTLD_NEXT, "munmap");
    return next(address, bytes);
}

/* As the system: aligned, out of the pool, all or nothing. */
static void *take_huge(size_t bytes, int protection, int flags)
{
    ++asked;
    bad_sizes += bytes % HUGE != 0;
    int free_place = 0;
    while (free_place < 8 && taken[free_place] != NULL) {
        ++free_place;
    }
    if (bytes > pool || free_place == 8) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    char *const wide = system_mmap(NULL, bytes + HUGE, protection, flags, -1, 0);
    if (wide == MAP_FAILED) {
        return MAP_FAILED;
    }
    const size_t before = (HUGE - (uintptr_t)wide % HUGE) % HUGE;
    taken[free_place] = wide + before;
    taken_bytes[free_place] = bytes;
    pool -= bytes;
    return wide + before;
}

void *mmap(void *address, size_t bytes, int protection, int flags, int file, off_t at)
{
    if ((flags & MAP_HUGETLB) == 0 || is_real) {
        return system_mmap(address, bytes, protection, flags, file, at);
    }
    const int without_size = flags & ~MAP_HUGETLB & ~(63 << MAP_HUGE_SHIFT);
    return take_huge(bytes, protection, without_size);
}

int munmap(void *address, size_t bytes)
{
    for (int i = 0; i < 8; ++i) {
        if (taken[i] != NULL && taken[i] == address) {
            bad_sizes += bytes != taken_bytes[i];
            pool += taken_bytes[i];
            taken[i] = NULL;
        }
    }
    return system_munmap(address, bytes);
}

static aa_allocator *huge_arena(size_t initial, unsigned more)
{
    return aa_arena_create(&(aa_options){.initial = initial, .flags = AA_HUGEPAGES | more});
}

static bool is_taken(const char *pointer)
{
    for (int i = 0; i < 8; ++i) {
        if (taken[i] != NULL && pointer >= taken[i] && pointer < taken[i] + taken_bytes[i]) {
            return true;
        }
    }
    return false;
}

START_TEST(blocks_come_from_the_reserved_pages_and_go_back_whole)
{
    pool = 64 * (size_t)HUGE;
    aa_allocator *const a = huge_arena(2 * (size_t)HUGE, _i == 0 ? 0 : AA_PREFAULT);
    char *const p = aa_alloc(a, 100);
    ck_assert(is_taken(p));
    unsigned char last = 0; /* whether the last page of the first block is there */
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    ck_assert_int_eq(mincore(taken[0] + taken_bytes[0] - page, page, &last), 0);
    ck_assert_int_eq(last & 1, _i);
    memset(p, 1, 100);
    for (int i = 0; i < 5; ++i) { /* grows, and folds into one block at the reset */
        ck_assert(is_taken(aa_alloc(a, HUGE - 64)));
    }
    assert_status(aa_reset(a), AA_OK);
    ck_assert(is_taken(aa_alloc(a, 4 * (size_t)HUGE)));
    assert_status(aa_destroy(a), AA_OK);
    ck_assert_uint_eq(pool, 64 * (size_t)HUGE);
    ck_assert_int_gt(asked, 1);
    ck_assert_int_eq(bad_sizes, 0);
}
END_TEST

START_TEST(where_none_is_left_blocks_are_ordinary)
{
    pool = HUGE;
    aa_allocator *const a = huge_arena(2 * (size_t)HUGE, 0);
    char *const p = aa_alloc(a, 100);
    ck_assert_ptr_nonnull(p);
    ck_assert(!is_taken(p));
    ck_assert_int_eq(asked, 1);
    ck_assert_uint_eq(pool, HUGE);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(small_blocks_and_other_allocators_ask_for_none)
{
    pool = 64 * (size_t)HUGE;
    aa_allocator *const small = huge_arena(64 * 1024, 0);
    aa_allocator *const plain = aa_arena_create(&(aa_options){.initial = 4 * (size_t)HUGE});
    ck_assert_ptr_nonnull(aa_alloc(small, 100));
    ck_assert_ptr_nonnull(aa_alloc(plain, 100));
    ck_assert_int_eq(asked, 0);
    assert_status(aa_destroy(small), AA_OK);
    assert_status(aa_destroy(plain), AA_OK);
}
END_TEST

START_TEST(a_capacity_and_a_limit_are_kept)
{
    pool = 64 * (size_t)HUGE;
    const size_t most = 3 * (size_t)HUGE + HUGE / 2;
    aa_upstream *const limit = aa_upstream_limit(aa_upstream_pages(AA_HUGEPAGES), most);
    aa_allocator *const a = aa_arena_create(&(aa_options){.initial = most, .upstream = limit});
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    size_t out = 0;
    assert_status(aa_upstream_usage(limit, NULL, &out), AA_OK);
    ck_assert_uint_le(out, most);
    ck_assert_uint_le(64 * (size_t)HUGE - pool, most);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(limit), AA_OK);
    ck_assert_uint_eq(pool, 64 * (size_t)HUGE);
}
END_TEST

START_TEST(an_alignment_above_a_huge_page_asks_for_none)
{
    pool = 64 * (size_t)HUGE;
    aa_allocator *const a = huge_arena(2 * (size_t)HUGE, 0);
    char *const p = aa_alloc_aligned(a, 3 * (size_t)HUGE, 4 * (size_t)HUGE);
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_eq((uintptr_t)p % (4 * (size_t)HUGE), 0);
    ck_assert(!is_taken(p));
    ck_assert_int_eq(asked, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void without_the_variable(void *argument)
{
    (void)argument;
    (void)unsetenv("AA_HUGETLB");
    pool = 64 * (size_t)HUGE;
    aa_allocator *const a = huge_arena(2 * (size_t)HUGE, 0);
    const bool served = aa_alloc(a, 100) != NULL && aa_destroy(a) == AA_OK;
    exit(served && asked == 0 ? 0 : 1);
}

START_TEST(unasked_no_reserved_page_is_taken)
{
    child_result result;
    child_run(&result, without_the_variable, NULL);
    assert_exited_well(&result);
}
END_TEST

/* A number of /proc/meminfo; -1: it has none of that name. */
static long meminfo(const char *name)
{
    FILE *const file = fopen("/proc/meminfo", "r");
    char line[256];
    long value = -1;
    while (file != NULL && value < 0 && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0) {
            value = strtol(line + strlen(name), NULL, 10);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return value;
}

START_TEST(the_real_system_serves_as_many_as_it_has)
{
    is_real = true;
    const bool has_them = meminfo("Hugepagesize:") == 2048 &&
                          meminfo("HugePages_Free:") - meminfo("HugePages_Rsvd:") >= 2;
    const long before = meminfo("HugePages_Free:");
    aa_allocator *const a = huge_arena(2 * (size_t)HUGE, 0);
    char *const p = aa_alloc(a, 3 * (size_t)HUGE / 2);
    ck_assert_ptr_nonnull(p);
    memset(p, 7, 3 * (size_t)HUGE / 2);
    ck_assert_int_eq(before - meminfo("HugePages_Free:"), has_them ? 2 : 0);
    assert_status(aa_destroy(a), AA_OK);
    ck_assert_int_eq(meminfo("HugePages_Free:"), before);
}
END_TEST

int main(void)
{
    setenv("AA_HUGETLB", "1", 1);
    const aa_test tests[] = {
        AA_TEST_LOOP(blocks_come_from_the_reserved_pages_and_go_back_whole, 0, 2),
        AA_TEST(where_none_is_left_blocks_are_ordinary),
        AA_TEST(small_blocks_and_other_allocators_ask_for_none),
        AA_TEST(a_capacity_and_a_limit_are_kept),
        AA_TEST(an_alignment_above_a_huge_page_asks_for_none),
        AA_TEST(unasked_no_reserved_page_is_taken),
        AA_TEST(the_real_system_serves_as_many_as_it_has)};
    return aa_test_run("reserved huge pages", sizeof tests / sizeof tests[0], tests);
}
