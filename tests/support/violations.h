/* Violations recorded instead of aborting, and assertions on what a call returned and reported.
 *
 *     record_violations();
 *     assert_refused(aa_reset(arena), AA_BUSY, AA_RESET_IN_PARALLEL);
 *
 * The record is one per process, which under check means one per test. What it cannot do: assert inside a
 * parallel region; count there (violations_count, violations_of) and assert after it. */
#ifndef AA_TESTS_SUPPORT_VIOLATIONS_H
#define AA_TESTS_SUPPORT_VIOLATIONS_H

#include <allocarrays.h>
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* last: the latest, its strings copied, for the library's live until the handler returns only. */
typedef struct violation_record {
    pthread_mutex_t lock;
    int count;
    int of_kind[AA_CORRUPTION + 1];
    aa_violation last;
    char message[512], name[128], function[64], file[512];
} violation_record;

static violation_record recorded = {.lock = PTHREAD_MUTEX_INITIALIZER};

static inline const char *keep_string(char *to, size_t bytes, const char *from)
{
    if (from == NULL) {
        return NULL;
    }
    (void)snprintf(to, bytes, "%s", from);
    return to;
}

static inline void record_one(const aa_violation *violation, void *context)
{
    violation_record *const r = context;
    (void)pthread_mutex_lock(&r->lock);
    ++r->count;
    ++r->of_kind[violation->kind];
    r->last = *violation;
    r->last.message = keep_string(r->message, sizeof r->message, violation->message);
    r->last.allocator_name = keep_string(r->name, sizeof r->name, violation->allocator_name);
    r->last.function = keep_string(r->function, sizeof r->function, violation->function);
    r->last.file = keep_string(r->file, sizeof r->file, violation->file);
    (void)pthread_mutex_unlock(&r->lock);
}

/* From now on violations are recorded; those recorded before are forgotten. */
static inline void record_violations(void)
{
    (void)pthread_mutex_lock(&recorded.lock);
    recorded.count = 0;
    memset(recorded.of_kind, 0, sizeof recorded.of_kind);
    memset(&recorded.last, 0, sizeof recorded.last);
    (void)pthread_mutex_unlock(&recorded.lock);
    (void)aa_set_violation_handler(record_one, &recorded);
}

static inline int violations_count(void)
{
    (void)pthread_mutex_lock(&recorded.lock);
    const int count = recorded.count;
    (void)pthread_mutex_unlock(&recorded.lock);
    return count;
}

static inline int violations_of(aa_violation_kind kind)
{
    (void)pthread_mutex_lock(&recorded.lock);
    const int count = recorded.of_kind[kind];
    (void)pthread_mutex_unlock(&recorded.lock);
    return count;
}

/* The latest violation; call it when no other thread is inside the library. */
static inline const aa_violation *last_violation(void)
{
    return &recorded.last;
}

/* A call returned this status. */
#define assert_status(call, expected)                                                              \
    do {                                                                                           \
        const aa_status status_got = (call);                                                       \
        ck_assert_msg(status_got == (expected), "%s is %s, not %s: %s", #call,                     \
                      aa_status_name(status_got), aa_status_name(expected), aa_last_message());    \
    } while (0)

/* A call gave NULL, false or 0, and this thread's last failure has this status. */
#define assert_fails(call, expected)                                                               \
    do {                                                                                           \
        aa_last_clear();                                                                           \
        ck_assert_msg(!(call), "%s succeeded", #call);                                             \
        assert_status(aa_last_status(), expected);                                                 \
        ck_assert_str_ne(aa_last_message(), "");                                                   \
    } while (0)

#define assert_one_report(what, kind_expected)                                                     \
    do {                                                                                           \
        ck_assert_msg(violations_count() == 1, "%s made %d reports, not 1", what,                  \
                      violations_count());                                                         \
        ck_assert_msg(last_violation()->kind == (kind_expected), "%s reported %s, not %s", what,   \
                      aa_violation_name(last_violation()->kind),                                   \
                      aa_violation_name(kind_expected));                                           \
    } while (0)

/* A call returned this status after exactly one report, of this kind. */
#define assert_refused(call, expected, kind_expected)                                              \
    do {                                                                                           \
        record_violations();                                                                       \
        assert_status(call, expected);                                                             \
        assert_one_report(#call, kind_expected);                                                   \
    } while (0)

/* A call gave NULL, false or 0 with this status after exactly one report, of this kind. */
#define assert_refused_null(call, expected, kind_expected)                                         \
    do {                                                                                           \
        record_violations();                                                                       \
        assert_fails(call, expected);                                                              \
        assert_one_report(#call, kind_expected);                                                   \
    } while (0)

#define assert_no_reports()                                                                        \
    ck_assert_msg(violations_count() == 0, "%d reports, the last: %s: %s", violations_count(),     \
                  aa_violation_name(last_violation()->kind), last_violation()->message)

#endif
