/* Reads what AA_TRACE wrote, strictly: RFC 8259's grammar and UTF-8, and the rules of the trace event format. */
#ifndef AA_TESTS_TRACE_TRACE_H
#define AA_TESTS_TRACE_TRACE_H

#include <check.h>
#include <ctype.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct event {
    char phase, scope; /* scope: of an instant */
    long pid, tid;
    int64_t ns; /* -1: it has no time */
    char name[256], category[32];
    const char *arguments; /* the text of the object, NULL: there is none */
} event;

typedef struct trace {
    char path[64], *text;
    event *at;
    size_t count, capacity;
    long last_tid; /* the largest */
} trace;

/* ---- JSON ---- */

static inline const char *json_blank(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

/* Bytes of a UTF-8 character of more than one byte, by its table in the Unicode standard; 0: it is none. */
static inline size_t json_multibyte(const unsigned char *at)
{
    static const struct {
        unsigned char first, last, second_least, second_most;
        size_t bytes;
    } forms[] = {{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
                 {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
                 {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
                 {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; ++i) {
        if (at[0] >= forms[i].first && at[0] <= forms[i].last && at[1] >= forms[i].second_least &&
            at[1] <= forms[i].second_most) {
            const bool third = forms[i].bytes < 3 || (at[2] & 0xc0) == 0x80;
            return third && (forms[i].bytes < 4 || (at[3] & 0xc0) == 0x80) ? forms[i].bytes : 0;
        }
    }
    return 0;
}

/* The end of what follows a backslash, and the byte it means ('?' beyond ASCII); NULL: wrong. */
static inline const char *json_escape(const char *at, char *meant)
{
    static const char letters[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    const char *const letter = *at == '\0' ? NULL : strchr(letters, *at);
    if (letter != NULL) {
        *meant = bytes[letter - letters];
        return at + 1;
    }
    if (*at != 'u') {
        return NULL;
    }
    unsigned value = 0;
    for (int i = 1; i <= 4; ++i) {
        if (!isxdigit((unsigned char)at[i])) {
            return NULL;
        }
        const char digit[] = {at[i], '\0'};
        value = value * 16 + (unsigned)strtoul(digit, NULL, 16);
    }
    *meant = value < 0x80 ? (char)value : '?';
    return at + 5;
}

/* The end of a string, which is decoded into text; NULL: it is none, or does not fit. */
static inline const char *json_string(const char *at, char *text, size_t room)
{
    if (*at++ != '"') {
        return NULL;
    }
    while (*at != '"') {
        const unsigned char c = (unsigned char)*at;
        const size_t bytes = c < 0x80 ? 1 : json_multibyte((const unsigned char *)at);
        if (c < 0x20 || bytes == 0 || room < bytes + 1) {
            return NULL;
        }
        if (c == '\\') {
            at = json_escape(at + 1, text);
            if (at == NULL) {
                return NULL;
            }
        } else {
            memcpy(text, at, bytes);
            at += bytes;
        }
        text += bytes;
        room -= bytes;
    }
    *text = '\0';
    return at + 1;
}

/* The end of a number without exponent, which is all that is written here. */
static inline const char *json_number(const char *at)
{
    at += *at == '-';
    if (!isdigit((unsigned char)*at) || (*at == '0' && isdigit((unsigned char)at[1]))) {
        return NULL;
    }
    at += strspn(at, "0123456789");
    if (*at != '.') {
        return at;
    }
    const size_t decimals = strspn(at + 1, "0123456789");
    return decimals == 0 ? NULL : at + 1 + decimals;
}

/* The next member of an object whose cursor is behind its { or behind the last member: its name, and where its value
 * begins. NULL: there is none; *end is then behind the }, or NULL if that is wrong. */
static inline const char *json_member(const char *at, bool first, char name[64], const char **end)
{
    at = json_blank(at);
    *end = *at == '}' ? at + 1 : NULL;
    if (*at == '}' || (!first && *at != ',')) {
        return NULL;
    }
    at = json_string(json_blank(first ? at : at + 1), name, 64);
    at = at == NULL ? NULL : json_blank(at);
    return at == NULL || *at != ':' ? NULL : json_blank(at + 1);
}

/* The end of a string or a number; the events hold no other values but their arguments. */
static inline const char *json_scalar(const char *at)
{
    char text[4096];
    return *at == '"' ? json_string(at, text, sizeof text) : json_number(at);
}

/* The end of an object of scalars. */
static inline const char *json_flat(const char *at)
{
    char name[64];
    const char *end = NULL, *value;
    if (*at != '{') {
        return NULL;
    }
    bool first = true;
    for (++at; (value = json_member(at, first, name, &end)) != NULL; first = false) {
        at = json_scalar(value);
        if (at == NULL) {
            return NULL;
        }
    }
    return end;
}

/* ---- events ---- */

/* Microseconds with three decimals. */
static inline int64_t event_time(const char *at)
{
    char *point;
    const long long micro = strtoll(at, &point, 10);
    ck_assert_msg(*point == '.' && json_number(at) == point + 4, "a time: %.40s", at);
    return micro * 1000 + strtoll(point + 1, NULL, 10);
}

static inline const char *event_member(event *e, const char *name, const char *value)
{
    char text[8] = "";
    if (strcmp(name, "name") == 0) {
        return json_string(value, e->name, sizeof e->name);
    }
    if (strcmp(name, "cat") == 0) {
        return json_string(value, e->category, sizeof e->category);
    }
    if (strcmp(name, "args") == 0) {
        e->arguments = value;
        return json_flat(value);
    }
    if (strcmp(name, "ph") == 0 || strcmp(name, "s") == 0) {
        const char *const end = json_string(value, text, sizeof text);
        *(strcmp(name, "s") == 0 ? &e->scope : &e->phase) = text[0];
        return strlen(text) == 1 ? end : NULL;
    }
    if (strcmp(name, "ts") == 0) {
        e->ns = event_time(value);
    } else if (strcmp(name, "pid") == 0) {
        e->pid = strtol(value, NULL, 10);
    } else if (strcmp(name, "tid") == 0) {
        e->tid = strtol(value, NULL, 10);
    } else {
        ck_abort_msg("an unknown member: %s", name);
    }
    return json_number(value);
}

/* The end of an event. */
static inline const char *event_read(event *e, const char *at)
{
    char name[64];
    const char *end = NULL, *value;
    *e = (event){.ns = -1, .tid = -1, .pid = -1};
    ck_assert_msg(*at == '{', "no event: %.200s", at);
    const char *cursor = at + 1;
    bool first = true;
    for (; (value = json_member(cursor, first, name, &end)) != NULL; first = false) {
        cursor = event_member(e, name, value);
        ck_assert_msg(cursor != NULL, "%s of %.400s", name, at);
    }
    ck_assert_msg(end != NULL, "no end: %.400s", at);
    return end;
}

/* An argument as text, "" where it is missing. Good until the next call. */
static inline const char *event_text(const event *e, const char *wanted)
{
    static char text[4096];
    char name[64];
    const char *end, *value, *at = e->arguments == NULL ? "}" : e->arguments + 1;
    text[0] = '\0';
    for (bool first = true; (value = json_member(at, first, name, &end)) != NULL; first = false) {
        at = json_scalar(value);
        if (strcmp(name, wanted) == 0) {
            if (*value == '"') {
                (void)json_string(value, text, sizeof text);
            } else {
                (void)snprintf(text, sizeof text, "%.*s", (int)(at - value), value);
            }
            return text;
        }
    }
    return text;
}

static inline long long event_number(const event *e, const char *wanted)
{
    const char *const text = event_text(e, wanted);
    ck_assert_msg(isdigit((unsigned char)*text), "%s: no number %s", e->name, wanted);
    return strtoll(text, NULL, 10);
}

/* ---- a file ---- */

/* A name for a file that is not there yet. */
static inline void trace_name(trace *t)
{
    *t = (trace){.path = "/tmp/aa_trace_XXXXXX"};
    const int file = mkstemp(t->path);
    ck_assert_int_ge(file, 0);
    (void)close(file);
    (void)unlink(t->path);
}

static inline void trace_load(trace *t)
{
    struct stat is;
    const int file = open(t->path, O_RDONLY);
    ck_assert_msg(file >= 0 && fstat(file, &is) == 0, "no trace in %s", t->path);
    t->text = malloc((size_t)is.st_size + 3);
    ck_assert_ptr_nonnull(t->text);
    size_t length = 0;
    for (ssize_t got = 1; got > 0 && length < (size_t)is.st_size; length += (size_t)got) {
        got = read(file, t->text + length, (size_t)is.st_size - length);
        ck_assert_int_gt(got, 0);
    }
    t->text[length] = '\0';
    (void)close(file);
}

static inline void trace_parse(trace *t)
{
    const char *at = json_blank(t->text);
    ck_assert_msg(*at == '[', "no array: %.100s", at);
    do {
        if (t->count == t->capacity) {
            t->capacity = t->capacity == 0 ? 1024 : t->capacity * 2;
            t->at = realloc(t->at, t->capacity * sizeof *t->at);
            ck_assert_ptr_nonnull(t->at);
        }
        at = json_blank(event_read(&t->at[t->count], json_blank(at + 1)));
        t->last_tid = t->at[t->count].tid > t->last_tid ? t->at[t->count].tid : t->last_tid;
        ++t->count;
    } while (*at == ',');
    ck_assert_msg(*at == ']' && *json_blank(at + 1) == '\0', "no end of the array: %.100s", at);
}

static inline void trace_read(trace *t)
{
    trace_load(t);
    trace_parse(t);
}

/* What a process that was killed left: it lacks its bracket, and nothing else. */
static inline void trace_read_unfinished(trace *t)
{
    trace_load(t);
    const size_t length = strlen(t->text);
    ck_assert_int_eq(t->text[length - 1], '}');
    memcpy(t->text + length, "]", 2);
    trace_parse(t);
}

static inline void trace_end(trace *t)
{
    (void)unlink(t->path);
    free(t->text);
    free(t->at);
}

/* ---- the rules of the format ---- */

enum { TRACE_DEPTH = 64 };

typedef struct lane_check {
    int64_t ns;
    const event *open[TRACE_DEPTH];
    int depth;
    bool named;
} lane_check;

static inline void check_span(lane_check *lane, const event *e)
{
    if (e->phase == 'B') {
        ck_assert_int_lt(lane->depth, TRACE_DEPTH);
        lane->open[lane->depth++] = e;
        return;
    }
    ck_assert_msg(lane->depth > 0, "thread %ld: %s ends and has not begun", e->tid, e->name);
    const event *const began = lane->open[--lane->depth];
    ck_assert_msg(strcmp(began->name, e->name) == 0 || strcmp(e->name, "left by a jump") == 0 ||
                      (strcmp(e->name, "destroyed") == 0 && strcmp(began->category, "scope") == 0),
                  "thread %ld: %s began, %s ends", e->tid, began->name, e->name);
}

static inline void check_event(lane_check *lane, const event *e)
{
    if (e->phase == 'M') {
        ck_assert_str_ne(event_text(e, "name"), "");
        lane->named = true;
        return;
    }
    ck_assert_msg(lane->named, "thread %ld has no name", e->tid);
    ck_assert_msg(e->ns >= lane->ns, "thread %ld: %s goes back in time", e->tid, e->name);
    lane->ns = e->ns;
    ck_assert_str_ne(e->name, "");
    ck_assert_str_ne(e->category, "");
    if (e->phase == 'B' || e->phase == 'E') {
        check_span(lane, e);
    } else if (e->phase == 'i') {
        ck_assert_int_eq(e->scope, 't');
    } else {
        ck_assert_int_eq(e->phase, 'C');
        ck_assert_int_ge(event_number(e, "committed"), event_number(e, "used"));
    }
}

static inline lane_check *check_events(const trace *t)
{
    lane_check *const lanes = calloc((size_t)t->last_tid + 1, sizeof *lanes);
    ck_assert_ptr_nonnull(lanes);
    for (size_t i = 0; i < t->count; ++i) {
        ck_assert_int_ge(t->at[i].tid, 0);
        ck_assert_int_eq(t->at[i].pid, t->at[0].pid);
        check_event(&lanes[t->at[i].tid], &t->at[i]);
    }
    return lanes;
}

/* One process; each thread named first, its times rising, its spans nested. */
static inline void trace_assert_rules_so_far(const trace *t)
{
    free(check_events(t));
}

/* And all spans have ended. */
static inline void trace_assert_rules(const trace *t)
{
    lane_check *const lanes = check_events(t);
    for (long tid = 0; tid <= t->last_tid; ++tid) {
        ck_assert_msg(lanes[tid].depth == 0, "thread %ld: %d spans have no end", tid,
                      lanes[tid].depth);
    }
    free(lanes);
}

/* ---- asking ---- */

/* How many events have this phase and name, and an argument that contains a text (NULL: any). */
static inline int trace_count(const trace *t, char phase, const char *name, const char *argument,
                              const char *holds)
{
    int count = 0;
    for (size_t i = 0; i < t->count; ++i) {
        const event *const e = &t->at[i];
        count += e->phase == phase && strcmp(e->name, name) == 0 &&
                 (argument == NULL || strstr(event_text(e, argument), holds) != NULL);
    }
    return count;
}

static inline const event *trace_find(const trace *t, char phase, const char *name,
                                      const char *argument, const char *holds)
{
    for (size_t i = 0; i < t->count; ++i) {
        const event *const e = &t->at[i];
        if (e->phase == phase && strcmp(e->name, name) == 0 &&
            (argument == NULL || strstr(event_text(e, argument), holds) != NULL)) {
            return e;
        }
    }
    ck_abort_msg("no %c %s with %s of %s", phase, name, argument != NULL ? argument : "-",
                 argument != NULL ? holds : "-");
    return NULL;
}

#endif
