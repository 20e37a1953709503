/* Random programs against a plain model: overlap, alignment, contents, liveness of marks and arrays, stats.
 *
 * The model keeps every allocation that is not taken back, in order of time. With h1 .. hn those held and m the
 * number held when the newest open mark was taken:
 *     free(hi)       takes hi back  <=>  i == n and n > m;  otherwise hi is forgotten and stays held
 *     rewind(mark)   takes back all that came after it, and ends it and the marks inside
 *     used           == the sum of the rounded sizes held
 * A failure names seed and step; the same seed gives the same program. */
#include "kinds.h"
#include "patterns.h"
#include "runner.h"
#include "violations.h"

enum { HELD = 600, MARKS = 12, DEAD = 64, STEPS = 1500, SEEDS = 40 };

typedef struct item {
    char *memory;
    size_t bytes;
    unsigned seed;
    bool forgotten;
    bool is_array;
    aa_array array;
} item;

typedef struct open_mark {
    aa_mark mark;
    int held; /* items held when it was taken */
} open_mark;

typedef struct model {
    aa_allocator *allocator;
    aa_options options;
    uint64_t random, seed;
    int step;
    item items[HELD];
    int count;
    open_mark marks[MARKS];
    int mark_count;
    aa_mark ended[DEAD];
    aa_array dead[DEAD];
    unsigned ended_count, dead_count;
    uint64_t allocations, live_frees, resets;
} model;

#define model_check(m, condition)                                                                  \
    ck_assert_msg(condition, "seed %llu, step %d: %s", (unsigned long long)(m)->seed, (m)->step,   \
                  #condition)

static uint64_t draw(model *m, uint64_t below)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (m->random * UINT64_C(0x2545f4914f6cdd1d) >> 16) % below;
}

static size_t draw_bytes(model *m)
{
    switch (draw(m, 16)) {
    case 0:
        return 0;
    case 1:
        return draw(m, 300000);
    case 2:
    case 3:
        return draw(m, 30000);
    case 4:
        return 64 * draw(m, 100);
    default:
        return draw(m, 400);
    }
}

/* ---- what the model believes ---- */

static size_t rounded(const model *m, size_t bytes)
{
    const size_t alignment = m->options.alignment != 0 ? m->options.alignment : 64;
    return bytes == 0 ? alignment : (bytes + alignment - 1) & ~(alignment - 1);
}

static void bury(model *m, const item *it)
{
    if (it->is_array) {
        m->dead[m->dead_count++ % DEAD] = it->array;
    }
}

static void take_back_to(model *m, int held)
{
    while (m->count > held) {
        bury(m, &m->items[--m->count]);
    }
}

static void end_marks_to(model *m, int count)
{
    while (m->mark_count > count) {
        m->ended[m->ended_count++ % DEAD] = m->marks[--m->mark_count].mark;
    }
}

static bool is_newest(const model *m, const item *it)
{
    const int marked = m->mark_count == 0 ? 0 : m->marks[m->mark_count - 1].held;
    return it == &m->items[m->count - 1] && m->count > marked;
}

static size_t believed_used(const model *m)
{
    size_t used = 0;
    for (int i = 0; i < m->count; ++i) {
        used += rounded(m, m->items[i].bytes);
    }
    return used;
}

/* ---- what is checked ---- */

static void check_stats(model *m)
{
    const aa_stats stats = stats_of(m->allocator);
    model_check(m, stats.used == believed_used(m));
    model_check(m, stats.allocations == m->allocations);
    model_check(m, stats.live_frees == m->live_frees);
    model_check(m, stats.resets == m->resets);
    model_check(m, stats.used + stats.wasted <= stats.committed);
    model_check(m, stats.peak >= stats.used);
    /* full checks hold redzones beside what the capacity counts */
    const size_t counted = m->options.checks == AA_CHECKS_FULL ? stats.used : stats.committed;
    model_check(m, m->options.capacity == 0 || counted <= m->options.capacity);
}

static void check_all(model *m)
{
    for (int i = 0; i < m->count; ++i) {
        const item *const it = &m->items[i];
        model_check(m, it->forgotten || pattern_holds(it->memory, it->bytes, it->seed));
        model_check(m, !it->is_array || aa_is_valid(&it->array));
        model_check(m, aa_owns(m->allocator, it->memory));
    }
    for (unsigned i = 0; i < m->dead_count && i < DEAD; ++i) {
        model_check(m, !aa_is_valid(&m->dead[i]));
    }
    check_stats(m);
}

static void check_new(model *m, const char *memory, size_t bytes, const item *except)
{
    for (int i = 0; i < m->count; ++i) {
        const item *const it = &m->items[i];
        if (it != except && !it->forgotten) {
            const size_t theirs = it->bytes == 0 ? 1 : it->bytes, mine = bytes == 0 ? 1 : bytes;
            model_check(m, memory + mine <= it->memory || it->memory + theirs <= memory);
        }
    }
}

/* ---- the operations ---- */

static void refused(model *m)
{
    model_check(m, m->options.capacity != 0);
    model_check(m, aa_last_status() == AA_NOMEM);
}

static void add(model *m, char *memory, size_t bytes, size_t alignment)
{
    if (memory == NULL) {
        refused(m);
        return;
    }
    ++m->allocations;
    model_check(m, is_aligned(memory, alignment));
    model_check(m, is_aligned(memory, m->options.alignment != 0 ? m->options.alignment : 64));
    check_new(m, memory, bytes, NULL);
    item *const it = &m->items[m->count++];
    *it = (item){.memory = memory, .bytes = bytes, .seed = (unsigned)m->step};
    if ((m->options.flags & AA_ZEROED) != 0) {
        model_check(m, is_zero(memory, bytes));
    }
    pattern_fill(memory, bytes, it->seed);
}

static void do_alloc(model *m)
{
    const size_t bytes = draw_bytes(m);
    add(m, aa_alloc(m->allocator, bytes), bytes, 1);
}

static void do_alloc_aligned(model *m)
{
    const size_t bytes = draw_bytes(m), alignment = (size_t)1 << draw(m, 15);
    add(m, aa_alloc_aligned(m->allocator, bytes, alignment), bytes, alignment);
}

static void do_calloc(model *m)
{
    const size_t count = draw(m, 50), bytes = draw(m, 100);
    char *const p = aa_calloc(m->allocator, count, bytes);
    model_check(m, p == NULL || is_zero(p, count * bytes));
    add(m, p, count * bytes, 1);
}

static void do_array(model *m)
{
    const int64_t extents[] = {(int64_t)draw(m, 40), (int64_t)draw(m, 40)};
    const aa_array array = aa_empty(m->allocator, AA_F64, 2, extents);
    const int before = m->count;
    add(m, array.data, (size_t)(extents[0] * extents[1]) * 8, 8);
    if (m->count > before) {
        m->items[before].is_array = true;
        m->items[before].array = array;
    }
}

/* The newest, mostly. */
static item *draw_item(model *m)
{
    if (m->count == 0) {
        return NULL;
    }
    const int i = draw(m, 3) != 0 ? m->count - 1 : (int)draw(m, (uint64_t)m->count);
    return m->items[i].forgotten ? NULL : &m->items[i];
}

static void do_free(model *m)
{
    item *const it = draw_item(m);
    if (it == NULL) {
        return;
    }
    const bool newest = is_newest(m, it);
    if (it->is_array) {
        aa_array copy = it->array;
        model_check(m, aa_array_free(&copy) == AA_OK);
        model_check(m, aa_is_null(&copy));
    } else {
        aa_free(m->allocator, it->memory, it->bytes);
    }
    if (newest) {
        take_back_to(m, m->count - 1);
    } else {
        it->forgotten = true;
        ++m->live_frees;
    }
}

static void do_realloc(model *m)
{
    item *const it = draw_item(m);
    if (it == NULL || it->is_array) {
        return;
    }
    const size_t bytes = draw_bytes(m), kept = bytes < it->bytes ? bytes : it->bytes;
    const bool newest = is_newest(m, it);
    const unsigned seed = it->seed;
    char *const p = aa_realloc(m->allocator, it->memory, it->bytes, bytes);
    if (p == NULL) {
        refused(m);
        return;
    }
    model_check(m, pattern_holds(p, kept, seed));
    model_check(m, (p == it->memory) <= newest);
    if (p == it->memory) {
        it->bytes = bytes;
        check_new(m, p, bytes, it);
    } else {
        it->forgotten = true;
        ++m->live_frees;
        ++m->allocations;
        check_new(m, p, bytes, NULL);
        m->items[m->count++] = (item){.memory = p, .bytes = bytes, .seed = seed};
    }
    pattern_fill(p, bytes, seed);
}

static void do_mark(model *m)
{
    if (m->mark_count == MARKS) {
        return;
    }
    const aa_mark mark = aa_mark_take(m->allocator);
    model_check(m, !aa_mark_is_null(mark));
    m->marks[m->mark_count++] = (open_mark){mark, m->count};
}

/* The innermost, mostly. */
static int draw_mark(model *m)
{
    return draw(m, 3) != 0 ? m->mark_count - 1 : (int)draw(m, (uint64_t)m->mark_count);
}

static void do_rewind(model *m)
{
    if (m->mark_count == 0) {
        return;
    }
    const int i = draw_mark(m);
    model_check(m, aa_mark_rewind(m->marks[i].mark) == AA_OK);
    take_back_to(m, m->marks[i].held);
    end_marks_to(m, i);
}

static void do_drop(model *m)
{
    if (m->mark_count != 0) {
        const int i = draw_mark(m);
        model_check(m, aa_mark_drop(m->marks[i].mark) == AA_OK);
        end_marks_to(m, i);
    }
}

static void do_ended_mark(model *m)
{
    if (m->ended_count != 0) {
        const uint64_t known = m->ended_count < DEAD ? m->ended_count : DEAD;
        const aa_mark mark = m->ended[draw(m, known)];
        record_violations();
        model_check(m, aa_mark_rewind(mark) == AA_ORDER);
        model_check(m, violations_of(AA_REWIND_ORDER) == 1 && violations_count() == 1);
    }
}

static void do_reset(model *m)
{
    if (draw(m, 8) != 0) { /* rarely */
        return;
    }
    model_check(m, aa_reset(m->allocator) == AA_OK);
    take_back_to(m, 0);
    end_marks_to(m, 0);
    ++m->resets;
}

typedef void operation(model *);

static void run_step(model *m)
{
    static operation *const operations[] = {
        do_alloc,  do_alloc,  do_alloc, do_alloc_aligned, do_calloc,    do_array, do_array,
        do_free,   do_free,   do_free,  do_realloc,       do_realloc,   do_mark,  do_mark,
        do_rewind, do_rewind, do_drop,  do_reset,         do_ended_mark};
    operation *const chosen = operations[draw(m, sizeof operations / sizeof operations[0])];
    if (m->count < HELD - 1) {
        chosen(m);
    } else {
        model_check(m, aa_reset(m->allocator) == AA_OK);
        take_back_to(m, 0);
        end_marks_to(m, 0);
        ++m->resets;
    }
}

static void run_program(int kind, aa_checks checks, uint64_t seed)
{
    static model m;
    static const size_t alignments[] = {0, 0, 0, 16, 256}, initials[] = {0, 0, 4096, 100000};
    memset(&m, 0, sizeof m);
    m.seed = seed;
    m.random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
    m.options = (aa_options){.checks = checks,
                             .alignment = alignments[draw(&m, 5)],
                             .initial = initials[draw(&m, 4)],
                             .capacity = draw(&m, 3) == 0 ? 100000 + draw(&m, 3000000) : 0,
                             .lease = draw(&m, 3) == 0 ? 1 + draw(&m, 50000) : 0,
                             .flags = draw(&m, 4) == 0 ? AA_ZEROED : 0};
    m.allocator = bump_create(kind, &m.options);
    record_violations();
    for (m.step = 0; m.step < STEPS; ++m.step) {
        run_step(&m);
        if (m.step % 16 == 0) {
            check_all(&m);
        }
    }
    check_all(&m);
    model_check(&m, aa_destroy(m.allocator) == AA_OK);
    take_back_to(&m, 0);
    for (unsigned i = 0; i < m.dead_count && i < DEAD; ++i) {
        model_check(&m, !aa_is_valid(&m.dead[i]));
    }
}

/* Ten programs per test, so that one that fails does not hide all others. */
enum { PER_TEST = 10, TESTS = BUMP_KINDS * SEEDS / PER_TEST };

static void run_seeds(int test, aa_checks checks)
{
    for (int i = 0; i < PER_TEST; ++i) {
        run_program(test % BUMP_KINDS, checks, (uint64_t)(test * PER_TEST + i));
    }
}

START_TEST(random_programs_agree_with_the_model)
{
    run_seeds(_i, AA_CHECKS_NONE);
}
END_TEST

START_TEST(random_programs_under_api_checks_agree_with_the_model)
{
    run_seeds(_i, AA_CHECKS_API);
}
END_TEST

START_TEST(random_programs_under_full_checks_agree_with_the_model)
{
    run_seeds(_i, AA_CHECKS_FULL);
}
END_TEST

AA_TEST_MAIN("property: model", AA_TEST_LOOP(random_programs_agree_with_the_model, 0, TESTS),
             AA_TEST_LOOP(random_programs_under_api_checks_agree_with_the_model, 0, TESTS),
             AA_TEST_LOOP(random_programs_under_full_checks_agree_with_the_model, 0, TESTS))
