/* Side library testkit: blocks. Each knows what it saw at its start and compares at its end.
 *
 * Blocks form a stack. One that is closed while others are open above it (check jumped out of those) closes them
 * first, without judging them. aa_check_teardown closes what is left.
 * Lock: reports_lock, a leaf, taken by the violation handler on whatever thread reports. */
#include "kit.h"

#include <allocarrays/check.h>
#include <allocarrays/impl/inject.h>
#include <pthread.h>

enum { MOST_OPEN = 32, KINDS = AA_CORRUPTION + 1 };

typedef enum block_kind { VIOLATIONS, ESCAPE, UPSTREAM, REGION } block_kind;

typedef struct open_block {
    block_kind kind;
    const char *file;
    int line;
    /* VIOLATIONS */
    aa_violation_kind wanted;
    int count, of_kind[KINDS];
    aa_violation_handler *previous;
    void *previous_context;
    /* ESCAPE, UPSTREAM */
    aa_allocator *allocator;
    aa_stats before;
    uint64_t pins;
    /* REGION */
    uint64_t seed;
} open_block;

static open_block blocks[MOST_OPEN];
static int depth;

/* Push a block; NULL, with the reason in the handle, when there is no room. */
static open_block *push(aai_check_block *handle, const open_block *wanted)
{
    aai_check_require_place(wanted->file, wanted->line);
    *handle =
        (aai_check_block){.file = wanted->file, .line = wanted->line, .depth = depth, .once = 1};
    if (depth == MOST_OPEN) {
        handle->refused = aai_kit_say("more than %d blocks are open", MOST_OPEN);
        return NULL;
    }
    open_block *const block = &blocks[depth++];
    *block = *wanted;
    return block;
}

/* ---- violations ------------------------------------------------------------------------------------- */

static pthread_mutex_t reports_lock = PTHREAD_MUTEX_INITIALIZER;

/* The latest violation: its strings live as long as the handler runs, so they are copied. */
static struct {
    aa_violation violation;
    char message[512], name[128], function[64], file[512];
    bool filled;
} last;

static const char *kept_string(char *to, size_t bytes, const char *from)
{
    if (from == NULL) {
        return NULL;
    }
    (void)snprintf(to, bytes, "%s", from);
    return to;
}

static void record(const aa_violation *violation, void *context)
{
    open_block *const block = context;
    (void)pthread_mutex_lock(&reports_lock);
    ++block->of_kind[violation->kind];
    last.violation = *violation;
    last.violation.message = kept_string(last.message, sizeof last.message, violation->message);
    last.violation.allocator_name =
        kept_string(last.name, sizeof last.name, violation->allocator_name);
    last.violation.function = kept_string(last.function, sizeof last.function, violation->function);
    last.violation.file = kept_string(last.file, sizeof last.file, violation->file);
    last.filled = true;
    (void)pthread_mutex_unlock(&reports_lock);
}

const aa_violation *aa_check_last_violation(void)
{
    return last.filled ? &last.violation : NULL;
}

aai_check_block aai_check_violations_open(aa_violation_kind kind, int count, const char *file,
                                          int line)
{
    aai_check_block handle;
    const open_block wanted = {
        .kind = VIOLATIONS, .file = file, .line = line, .wanted = kind, .count = count};
    open_block *const block = push(&handle, &wanted);
    if (block != NULL) {
        block->previous = aa_get_violation_handler(&block->previous_context);
        (void)aa_set_violation_handler(record, block);
    }
    return handle;
}

static const char *judge_violations(const open_block *block)
{
    int total = 0;
    for (int kind = 0; kind < KINDS; ++kind) {
        total += block->of_kind[kind];
    }
    const int right = total == 0 && block->count == 0 ? 0 : block->of_kind[block->wanted];
    if (right == total && (block->count == AA_CHECK_SOME ? total > 0 : total == block->count)) {
        return NULL;
    }
    if (block->count == 0) {
        (void)aai_kit_say("%d violation(s) reported, not 0", total);
    } else {
        (void)aai_kit_say("%d violation(s) reported, not %s%d of %s", total,
                          block->count == AA_CHECK_SOME ? "at least " : "",
                          block->count == AA_CHECK_SOME ? 1 : block->count,
                          aa_violation_name(block->wanted));
    }
    for (int kind = 0; kind < KINDS; ++kind) {
        if (block->of_kind[kind] > 0) {
            (void)aai_kit_add("; %d %s", block->of_kind[kind],
                              aa_violation_name((aa_violation_kind)kind));
        }
    }
    return total == 0
               ? aai_kit_add("%s", "")
               : aai_kit_add("\n    the last: %s in %s: %s", aa_violation_name(last.violation.kind),
                             last.violation.function, last.violation.message);
}

/* ---- escapes and upstream calls ----------------------------------------------------------------------- */

static aai_check_block open_on(block_kind kind, aa_allocator *allocator, const char *file, int line)
{
    aai_check_block handle;
    const open_block wanted = {.kind = kind,
                               .file = file,
                               .line = line,
                               .allocator = allocator == AA_CURRENT ? aa_current() : allocator};
    open_block *const block = push(&handle, &wanted);
    if (block == NULL) {
        return handle;
    }
    if (aa_stats_get(block->allocator, &block->before) != AA_OK) {
        handle.refused = aai_kit_say("%s", aa_last_message());
        --depth;
        return handle;
    }
    block->pins = aai_pins(block->allocator);
    return handle;
}

aai_check_block aai_check_escape_open(aa_allocator *allocator, const char *file, int line)
{
    return open_on(ESCAPE, allocator, file, line);
}

aai_check_block aai_check_upstream_open(aa_allocator *allocator, const char *file, int line)
{
    return open_on(UPSTREAM, allocator, file, line);
}

static const char *say_escape(const open_block *block, const aa_stats *now)
{
    const aa_stats *const before = &block->before;
    const char *const name = aa_name(block->allocator);
    if (now->used < before->used) {
        return aai_kit_say(
            "AA_ESCAPE: '%s' had %zu bytes in use at the start of the block and has %zu at its "
            "end: memory of before the block was given back, so that what was made in it "
            "cannot be told",
            name, before->used, now->used);
    }
    (void)aai_kit_say(
        "AA_ESCAPE: '%s' has %zu bytes more in use at the end of the block than at its start: "
        "they were neither given back nor rewound",
        name, now->used - before->used);
    return now->live_frees == before->live_frees
               ? aai_kit_add("%s", "")
               : aai_kit_add(" (%llu free(s) were forgotten, not being of the newest block: free "
                             "in reverse "
                             "order, or use AA_SCRATCH)",
                             (unsigned long long)(now->live_frees - before->live_frees));
}

static const char *find_escape(const open_block *block)
{
    aa_stats now;
    if (aa_stats_get(block->allocator, &now) != AA_OK) {
        return aai_kit_say("%s", aa_last_message());
    }
    if (now.used != block->before.used) {
        return say_escape(block, &now);
    }
    const uint64_t pins = aai_pins(block->allocator);
    return pins <= block->pins
               ? NULL
               : aai_kit_say("AA_ESCAPE: %llu pin(s) on arrays of '%s' are left by the block; "
                             "aa_unpin what "
                             "was pinned in it",
                             (unsigned long long)(pins - block->pins), aa_name(block->allocator));
}

/* A finding: to a block that expects violations, or else the test fails. */
static const char *judge_escape(const open_block *block)
{
    const char *const why = find_escape(block);
    void *context;
    if (why == NULL || aa_get_violation_handler(&context) != record) {
        return why;
    }
    const aa_violation violation = {.kind = AA_ESCAPE,
                                    .message = why,
                                    .allocator = block->allocator,
                                    .allocator_name = aa_name(block->allocator),
                                    .function = "AA_CHECK_NO_ESCAPE",
                                    .file = block->file,
                                    .line = block->line};
    record(&violation, context);
    return NULL;
}

static const char *judge_upstream(const open_block *block)
{
    aa_stats now;
    if (aa_stats_get(block->allocator, &now) != AA_OK) {
        return aai_kit_say("%s", aa_last_message());
    }
    const aa_stats *const before = &block->before;
    return now.upstream_calls == before->upstream_calls
               ? NULL
               : aai_kit_say(
                     "'%s' called its upstream %llu time(s) in the block: it held %zu bytes in %zu "
                     "block(s), now %zu in %zu; %zu in use, now %zu. Does each round end with a "
                     "reset, and do two rounds run before the block?",
                     aa_name(block->allocator),
                     (unsigned long long)(now.upstream_calls - before->upstream_calls),
                     before->committed, before->blocks, now.committed, now.blocks, before->used,
                     now.used);
}

/* ---- regions ------------------------------------------------------------------------------------------ */

aai_check_block aai_check_region_open(uint64_t seed, const char *file, int line)
{
    aai_check_block handle;
    const open_block wanted = {
        .kind = REGION, .file = file, .line = line, .seed = aai_seed_first(seed)};
    if (push(&handle, &wanted) == NULL) {
        return handle;
    }
    handle.refused = aai_notes_open();
    if (handle.refused != NULL) {
        --depth;
        return handle;
    }
    aai_schedule_start(wanted.seed, AAI_SCHEDULE_DISTURBED);
    return handle;
}

static const char *judge_region(const open_block *block)
{
    if (aai_notes_count() == 0) {
        return NULL;
    }
    (void)aai_kit_say(
        "%d condition(s) did not hold, seed %llu; AA_CHECK_SEED=%llu gives this seed again",
        aai_notes_count(), (unsigned long long)block->seed, (unsigned long long)block->seed);
    aai_notes_add();
    return aai_kit_add("%s", "");
}

/* ---- the end ------------------------------------------------------------------------------------------ */

static void undo(const open_block *block)
{
    if (block->kind == VIOLATIONS) {
        (void)aa_set_violation_handler(block->previous, block->previous_context);
    } else if (block->kind == REGION) {
        aai_schedule_stop();
        aai_notes_close();
    }
}

static const char *judge(const open_block *block)
{
    switch (block->kind) {
    case VIOLATIONS:
        return judge_violations(block);
    case ESCAPE:
        return judge_escape(block);
    case UPSTREAM:
        return judge_upstream(block);
    default:
        return judge_region(block);
    }
}

static void drop_above(int wanted)
{
    while (depth > wanted) {
        undo(&blocks[--depth]);
    }
}

const char *aai_check_block_close(const aai_check_block *handle)
{
    if (handle->depth >= depth) { /* refused, or closed before, by a teardown */
        return NULL;
    }
    drop_above(handle->depth + 1);
    open_block *const block = &blocks[--depth];
    undo(block);
    return judge(block);
}

void aa_check_teardown(void)
{
    drop_above(0);
    aai_schedule_stop();
    aai_notes_close();
}
