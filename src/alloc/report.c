/* Floor 5, alloc: statistics and reports. Nothing is printed under a lock: the numbers are collected first. */
#include "alloc/report.h"

#include "alloc/alloc.h"
#include "alloc/heap.h"

#include <errno.h>
#include <pthread.h>

aa_status aa_stats_get(const aa_allocator *allocator, aa_stats *stats)
{
    if (allocator == NULL || stats == NULL) {
        return aai_fail(AA_INVALID, "aa_stats_get: NULL %s",
                        allocator == NULL ? "allocator" : "stats");
    }
    const aa_allocator *const real =
        allocator->kind == AAI_CURRENT ? aai_resolve_current() : allocator;
    if (real->kind == AAI_GONE) {
        return aai_fail(AA_STALE, "aa_stats_get: '%s' was destroyed", aa_name(real));
    }
    aa_stats filled = {0};
    real->ops->stats(real, &filled);
    *stats = filled;
    return AA_OK;
}

/* ---- one allocator as text ------------------------------------------------------------------------------- */

static aa_status written(FILE *file)
{
    return ferror(file) != 0 ? aai_fail(AA_IO, "writing a report failed") : AA_OK;
}

static void print_line(FILE *file, const char *label, unsigned long long value, const char *unit)
{
    (void)fprintf(file, "  %-16s %16llu %s\n", label, value, unit);
}

static void print_stats(FILE *file, const aa_stats *s)
{
    const struct {
        const char *label;
        unsigned long long value;
        const char *unit;
    } lines[] = {{"used", s->used, "bytes"},
                 {"peak", s->peak, "bytes"},
                 {"committed", s->committed, "bytes"},
                 {"wasted", s->wasted, "bytes"},
                 {"blocks", s->blocks, ""},
                 {"allocations", s->allocations, ""},
                 {"resets", s->resets, ""},
                 {"growths", s->growths, ""},
                 {"upstream calls", s->upstream_calls, ""},
                 {"lease misses", s->lease_misses, ""},
                 {"guard misses", s->guard_misses, ""},
                 {"live frees", s->live_frees, ""}};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; ++i) {
        print_line(file, lines[i].label, lines[i].value, lines[i].unit);
    }
}

/* ---- what the first block should have been ---------------------------------------------------------------- */

typedef struct first_block {
    aai_sizing sizing;
    size_t capacity; /* 0: none */
    bool is_each, has_redzones;
} first_block;

static first_block first_block_of(const aa_allocator *allocator)
{
    const aai_base *const base = aai_base_of(allocator);
    first_block first = {.capacity = base->capacity,
                         .is_each = allocator->kind == AAI_PRIVATE,
                         .has_redzones = allocator->tier == AA_CHECKS_FULL};
    if (allocator->ops->sizing != NULL) {
        allocator->ops->sizing(allocator, &first.sizing);
    }
    if (first.capacity != 0 &&
        base->fallback == NULL) { /* it was never passed; whole pages may pass it */
        first.sizing.bytes = aai_min(first.sizing.bytes, first.capacity);
    }
    return first;
}

/* In tenths of a unit, rounded up: a block of so much is large enough. */
static void print_size(FILE *file, size_t bytes)
{
    const size_t unit = bytes < AAI_MIB             ? AAI_KIB
                        : bytes < AAI_KIB * AAI_MIB ? AAI_MIB
                                                    : AAI_KIB * AAI_MIB;
    const char *const name = unit == AAI_KIB ? "KiB" : unit == AAI_MIB ? "MiB" : "GiB";
    const size_t tenths = bytes / unit * 10 + (bytes % unit * 10 + unit - 1) / unit;
    if (tenths % 10 == 0) {
        (void)fprintf(file, "%zu %s", tenths / 10, name);
    } else {
        (void)fprintf(file, "%zu.%zu %s", tenths / 10, tenths % 10, name);
    }
}

static void print_first_block(FILE *file, const first_block *first)
{
    const aai_sizing *const s = &first->sizing;
    const char *const whose = first->is_each ? " of each thread" : "";
    if (s->blocks == 0) {
        return;
    }
    if (first->capacity != 0 && s->bytes > first->capacity) {
        (void)fprintf(file, "  the largest round took ");
        print_size(file, s->bytes);
        (void)fprintf(file, ", more than the capacity");
    } else if (s->blocks == s->chains) {
        (void)fprintf(file, "  the first block held every round%s; ", whose);
        print_size(file, s->bytes);
        (void)fprintf(file, " (.initial = %zu) would have", s->bytes);
    } else {
        (void)fprintf(file, "  a first block of ");
        print_size(file, s->bytes);
        (void)fprintf(file, " (.initial = %zu) would have held every round%s", s->bytes, whose);
    }
    (void)fprintf(file, " (%llu block%s taken%s)\n", (unsigned long long)s->blocks,
                  s->blocks == 1 ? " was" : "s were", first->has_redzones ? ", with redzones" : "");
}

aa_status aa_report(FILE *file, const aa_allocator *allocator)
{
    aa_stats stats;
    if (file == NULL) {
        return aai_fail(AA_INVALID, "aa_report: NULL file");
    }
    const aa_status status = aa_stats_get(allocator, &stats);
    if (status != AA_OK) {
        return status;
    }
    const aa_allocator *const real =
        allocator->kind == AAI_CURRENT ? aai_resolve_current() : allocator;
    const int kept = errno;
    (void)fprintf(file, "allocator '%s' (%s, aligned to %zu)\n", aa_name(real), real->ops->kind,
                  real->mask + 1);
    print_stats(file, &stats);
    const first_block first = first_block_of(real);
    print_first_block(file, &first);
    if (real->kind == AAI_CUSTOM && !aai_custom_marks(real)) {
        (void)fprintf(file, "  marks are no-ops: the method table has no mark and rewind\n");
    }
    errno = kept;
    return written(file);
}

/* ---- all of them ------------------------------------------------------------------------------------------- */

typedef struct row {
    char name[96];
    const char *kind;
    aa_stats stats;
    first_block first;
} row;

typedef struct rows {
    row *at;
    size_t count, capacity;
} rows;

static void count_one(aai_base *base, void *context)
{
    (void)base;
    ++*(size_t *)context;
}

static void collect_one(aai_base *base, void *context)
{
    rows *const list = context;
    if (list->count < list->capacity) {
        row *const r = &list->at[list->count++];
        (void)snprintf(r->name, sizeof r->name, "%s", base->name);
        r->kind = base->head.ops->kind;
        base->head.ops->stats(&base->head, &r->stats);
        r->first = first_block_of(&base->head);
    }
}

/* The heap and every live allocator; at == NULL without memory. */
static rows collect(void)
{
    rows list = {NULL, 0, 1};
    aai_each_live(count_one, &list.capacity);
    list.at = aai_calloc(list.capacity * sizeof *list.at);
    if (list.at != NULL) {
        collect_one(aai_base_of(aa_heap()), &list);
        aai_each_live(collect_one, &list);
    }
    return list;
}

/* JSON is UTF-8: what is none is a question mark. */
static void print_json_string(FILE *file, const char *text)
{
    (void)fputc('"', file);
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        const size_t bytes = aai_utf8_at(at);
        if (bytes == 0) {
            (void)fputc('?', file);
        } else if (*at < 0x20) {
            (void)fprintf(file, "\\u%04x", (unsigned)*at);
        } else {
            (void)fprintf(file, "%s%.*s", *at == '"' || *at == '\\' ? "\\" : "", (int)bytes,
                          (const char *)at);
        }
        at += bytes != 0 ? bytes : 1;
    }
    (void)fputc('"', file);
}

static void print_json_row(FILE *file, const row *r)
{
    const aa_stats *const s = &r->stats;
    (void)fprintf(file, "    {\"name\": ");
    print_json_string(file, r->name);
    (void)fprintf(file,
                  ", \"kind\": \"%s\", \"used\": %zu, \"peak\": %zu, \"committed\": %zu, "
                  "\"wasted\": %zu, \"blocks\": %zu, \"allocations\": %llu, \"resets\": %llu, "
                  "\"growths\": %llu, \"upstream_calls\": %llu, \"lease_misses\": %llu, "
                  "\"guard_misses\": %llu, \"live_frees\": %llu, \"first_block\": %zu, "
                  "\"blocks_taken\": %llu}",
                  r->kind, s->used, s->peak, s->committed, s->wasted, s->blocks,
                  (unsigned long long)s->allocations, (unsigned long long)s->resets,
                  (unsigned long long)s->growths, (unsigned long long)s->upstream_calls,
                  (unsigned long long)s->lease_misses, (unsigned long long)s->guard_misses,
                  (unsigned long long)s->live_frees, r->first.sizing.bytes,
                  (unsigned long long)r->first.sizing.blocks);
}

aa_status aa_report_json(FILE *file)
{
    if (file == NULL) {
        return aai_fail(AA_INVALID, "aa_report_json: NULL file");
    }
    const rows list = collect();
    if (list.at == NULL) {
        return aai_fail(AA_NOMEM, "no memory for a report");
    }
    const int kept = errno;
    (void)fprintf(file,
                  "{\n  \"version\": \"%s\",\n  \"omp_handles\": %llu,\n  \"allocators\": [\n",
                  aa_version(), (unsigned long long)AAI_LOAD(aai_omp_handles));
    for (size_t i = 0; i < list.count; ++i) {
        print_json_row(file, &list.at[i]);
        (void)fprintf(file, i + 1 < list.count ? ",\n" : "\n");
    }
    (void)fprintf(file, "  ]\n}\n");
    errno = kept;
    aai_mfree(list.at);
    return written(file);
}

/* ---- at exit ------------------------------------------------------------------------------------------------- */

static void report_all(void)
{
    if (aai_settings_get()->stats == 2) {
        (void)aa_report_json(stderr);
        return;
    }
    const rows list = collect();
    for (size_t i = 0; i < list.count; ++i) { /* none without memory */
        (void)fprintf(stderr, "allocator '%s' (%s)\n", list.at[i].name, list.at[i].kind);
        print_stats(stderr, &list.at[i].stats);
        print_first_block(stderr, &list.at[i].first);
    }
    aai_mfree(list.at);
}

static void register_report(void)
{
    if (aai_settings_get()->stats != 0) {
        (void)atexit(report_all);
    }
    if (aai_settings_get()->checks == AA_CHECKS_FULL) {
        (void)atexit(aai_heap_warn_of_strays);
    }
}

void aai_report_at_exit(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_report);
}
