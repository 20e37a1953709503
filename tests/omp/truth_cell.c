/* The truth table's instruments: asking, looking, taking part, and other host threads. */
#include "truth_cell.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK_BYTES = 96, WITNESS_BYTES = 3000 };

/* ---- reports: each thread's own, and all of them by kind ---- */

static __thread struct {
    int count;
    aa_violation_kind kind;
    char function[32];
    const aa_allocator *allocator;
    int level;
    bool speaks; /* its message says something */
} mine;

static void note_report(const aa_violation *violation, void *context)
{
    cell *const c = context;
    ++mine.count;
    mine.kind = violation->kind;
    mine.allocator = violation->allocator;
    mine.level = violation->level;
    mine.speaks = violation->message != NULL && strlen(violation->message) > 20;
    (void)snprintf(mine.function, sizeof mine.function, "%s", violation->function);
    (void)__atomic_fetch_add(&c->reports, 1, __ATOMIC_RELAXED);
    (void)__atomic_fetch_add(&c->reports_of[violation->kind], 1, __ATOMIC_RELAXED);
}

void forget(void)
{
    mine.count = 0;
}

int reported(void)
{
    return mine.count;
}

/* ---- texts ---- */

static void add_text(char *text, const char *more)
{
    const size_t used = strlen(text);
    (void)snprintf(text + used, CELL_TEXT - used, "%s%s", used > 0 ? " | " : "", more);
}

/* Answers of several threads: each different one once. */
static void merge(char *text, const char *more)
{
    const size_t length = strlen(more);
    for (const char *at = strstr(text, more); at != NULL; at = strstr(at + 1, more)) {
        const bool begins = at == text || strncmp(at - 3, " | ", 3) == 0;
        if (begins && (at[length] == '\0' || strncmp(at + length, " | ", 3) == 0)) {
            return;
        }
    }
    add_text(text, more);
}

void wrong(cell *c, const char *what)
{
    (void)pthread_mutex_lock(&c->lock);
    merge(c->wrong, what);
    (void)pthread_mutex_unlock(&c->lock);
}

/* ---- asking ---- */

static void tell(char *text, size_t bytes, aa_status status)
{
    (void)snprintf(text, bytes, "%s%s%s", aa_status_name(status), mine.count > 0 ? " " : "",
                   mine.count > 0 ? aa_violation_name(mine.kind) : "");
}

static bool same_stats(const aa_stats *a, const aa_stats *b)
{
    return a->used == b->used && a->committed == b->committed && a->blocks == b->blocks &&
           a->allocations == b->allocations && a->resets == b->resets && a->peak == b->peak;
}

static bool bytes_hold(const subject *s)
{
    for (int i = 0; i < WITNESS_BYTES; ++i) {
        if (s->bytes[i] != (unsigned char)(i * 7 + 1)) {
            return false;
        }
    }
    return true;
}

/* What must go with a refusal: NULL when all of it does. */
static const char *refusal_lacks(const subject *s, const char *function, aa_status status,
                                 const aa_stats *before)
{
    aa_stats now;
    if (mine.count != 1 || strcmp(mine.function, function) != 0 || !mine.speaks) {
        return "!report";
    }
    if (mine.allocator != s->allocator || aa_last_status() != status) {
        return "!report";
    }
    if (aa_stats_get(s->allocator, &now) != AA_OK || !same_stats(before, &now)) {
        return "!changed";
    }
    return s->reset || (aa_is_valid(&s->witness) && bytes_hold(s)) ? NULL : "!changed";
}

static const char *success_lacks(const subject *s)
{
    if (mine.count != 0) {
        return "!report";
    }
    return aa_is_valid(&s->witness) ? "!alive" : NULL;
}

typedef enum question { RESET, DESTROY } question;

static void put(cell *c, subject *s, question what)
{
    aa_stats before = {0};
    char text[CELL_TEXT / 2];
    (void)aa_stats_get(s->allocator, &before);
    forget();
    const aa_status status = what == RESET ? aa_reset(s->allocator) : aa_destroy(s->allocator);
    tell(text, sizeof text, status);
    const char *const lacks =
        status == AA_OK
            ? success_lacks(s)
            : refusal_lacks(s, what == RESET ? "aa_reset" : "aa_destroy", status, &before);
    if (lacks != NULL) {
        const size_t used = strlen(text);
        (void)snprintf(text + used, sizeof text - used, " %s", lacks);
    }
    s->reset = s->reset || status == AA_OK;
    s->destroyed = what == DESTROY && status == AA_OK;
    merge(what == RESET ? c->reset : c->destroy, text);
    forget();
}

void ask_reset_of(cell *c, subject *s)
{
    (void)pthread_mutex_lock(&c->lock);
    put(c, s, RESET);
    (void)pthread_mutex_unlock(&c->lock);
}

void ask_about(cell *c, subject *s)
{
    (void)pthread_mutex_lock(&c->lock);
    put(c, s, RESET);
    if (!s->destroyed) {
        put(c, s, DESTROY);
    }
    (void)pthread_mutex_unlock(&c->lock);
}

void ask(cell *c)
{
    ask_about(c, &c->subject);
}

void answer(cell *c, aa_status status)
{
    char text[CELL_TEXT / 2];
    tell(text, sizeof text, status);
    const bool refused = status != AA_OK;
    (void)pthread_mutex_lock(&c->lock);
    merge(c->reset, text);
    if (refused != (mine.count == 1)) {
        merge(c->wrong, "not exactly one report of a refused call");
    }
    (void)pthread_mutex_unlock(&c->lock);
    forget();
}

void answer_of_team(cell *c, const aa_status *statuses, int count)
{
    char text[CELL_TEXT / 2] = "";
    int refused = 0;
    for (int i = 0; i < count; ++i) {
        merge(text, aa_status_name(statuses[i]));
        refused += statuses[i] != AA_OK;
    }
    for (int kind = 0; kind <= AA_CORRUPTION; ++kind) {
        if (c->reports_of[kind] > 0) {
            const size_t used = strlen(text);
            (void)snprintf(text + used, sizeof text - used, " %s",
                           aa_violation_name((aa_violation_kind)kind));
        }
    }
    merge(c->reset, text);
    if (c->reports != (refused == 0 ? 0 : 1)) {
        wrong(c, "not exactly one report of a refused team");
    }
    c->reports = 0;
    memset(c->reports_of, 0, sizeof c->reports_of);
    forget();
}

/* ---- subjects ---- */

static aa_allocator *make(int kind, const char *name)
{
    const aa_options options = {.name = name, .checks = AA_CHECKS_NONE};
    switch (kind) {
    case ARENA:
        return aa_arena_create(&options);
    case SHARED:
        return aa_shared_create(&options);
    default:
        return aa_private_create(&options);
    }
}

bool subject_make(subject *s, int kind, const char *name)
{
    static const int64_t shape[] = {10};
    *s = (subject){.allocator = make(kind, name), .kind = kind, .owner = gettid()};
    s->bytes = s->allocator == NULL ? NULL : aa_alloc(s->allocator, WITNESS_BYTES);
    if (s->bytes == NULL) {
        (void)fprintf(stderr, "%s: %s\n", name, aa_last_message());
        return false;
    }
    for (int i = 0; i < WITNESS_BYTES; ++i) {
        s->bytes[i] = (unsigned char)(i * 7 + 1);
    }
    s->witness = aa_empty(s->allocator, AA_F64, 1, shape);
    return !aa_is_null(&s->witness);
}

void subject_take(subject *s)
{
    if (!s->destroyed && (s->kind != ARENA || s->owner == gettid())) {
        unsigned char *const p = aa_alloc(s->allocator, CHUNK_BYTES);
        if (p != NULL) {
            memset(p, 0xee, CHUNK_BYTES);
        }
    }
}

void subject_end(cell *c, subject *s)
{
    if (s->destroyed) {
        return;
    }
    forget();
    if (aa_reset(s->allocator) != AA_OK || mine.count != 0) {
        wrong(c, "afterwards it could not be reset");
    } else if (aa_destroy(s->allocator) != AA_OK || mine.count != 0) {
        wrong(c, "afterwards it could not be destroyed");
    }
    forget();
}

/* ---- looking and taking part ---- */

void see(cell *c, const aa_allocator *wanted)
{
    const bool seen = aa_current() == wanted;
    (void)pthread_mutex_lock(&c->lock);
    ++c->looked;
    c->saw += seen;
    (void)pthread_mutex_unlock(&c->lock);
}

static void note_person(cell *c, pid_t thread, aa_allocator *arena)
{
    for (int i = 0; i < c->people_count; ++i) {
        if (c->people[i].thread == thread && c->people[i].arena == arena) {
            return;
        }
    }
    if (c->people_count < CELL_THREADS) {
        c->people[c->people_count].thread = thread;
        c->people[c->people_count++].arena = arena;
    }
}

static void take_chunk(cell *c, aa_allocator *from)
{
    unsigned char *const at = aa_alloc(from, CHUNK_BYTES);
    if (at == NULL) {
        wrong(c, "no memory");
        return;
    }
    (void)pthread_mutex_lock(&c->lock);
    if (c->chunk_count < CELL_CHUNKS) {
        const unsigned seed = (unsigned)c->chunk_count + 1;
        c->chunks[c->chunk_count++] = (chunk){at, seed};
        memset(at, (int)(seed & 0xff), CHUNK_BYTES);
    }
    (void)pthread_mutex_unlock(&c->lock);
}

void stand(cell *c)
{
    aa_allocator *const arena = aa_private_arena(c->arenas);
    take_chunk(c, c->lanes);
    take_chunk(c, c->arenas);
    take_chunk(c, c->lanes);
    (void)pthread_mutex_lock(&c->lock);
    note_person(c, gettid(), arena);
    subject_take(&c->subject);
    (void)pthread_mutex_unlock(&c->lock);
}

void take_part(cell *c)
{
    see(c, c->subject.allocator);
    stand(c);
}

static bool chunk_holds(const chunk *k)
{
    for (int i = 0; i < CHUNK_BYTES; ++i) {
        if (k->at[i] != (unsigned char)k->seed) {
            return false;
        }
    }
    return true;
}

static bool chunks_disjoint(const cell *c)
{
    for (int i = 0; i < c->chunk_count; ++i) {
        if (!chunk_holds(&c->chunks[i])) {
            return false;
        }
        for (int k = 0; k < i; ++k) {
            const uintptr_t apart = (uintptr_t)c->chunks[i].at - (uintptr_t)c->chunks[k].at;
            if (apart < CHUNK_BYTES || -apart < CHUNK_BYTES) {
                return false;
            }
        }
    }
    return true;
}

static void tell_threads(const cell *c, char *text, size_t bytes)
{
    int threads = 0, arenas = 0;
    for (int i = 0; i < c->people_count; ++i) {
        int same_thread = 0, same_arena = 0;
        for (int k = 0; k < i; ++k) {
            same_thread += c->people[i].thread == c->people[k].thread;
            same_arena += c->people[i].arena == c->people[k].arena;
        }
        threads += same_thread == 0;
        arenas += same_arena == 0;
    }
    const bool own = threads == c->people_count && arenas == c->people_count;
    if (c->people_count == 0) {
        (void)snprintf(text, bytes, NONE);
    } else if (!chunks_disjoint(c)) {
        (void)snprintf(text, bytes, "%d, memory overlaps", threads);
    } else if (own) {
        (void)snprintf(text, bytes, "%d own", threads);
    } else {
        (void)snprintf(text, bytes, "%d on %d arenas", threads, arenas);
    }
}

/* ---- a cell's life ---- */

bool cell_begin(cell *c, int kind)
{
    *c = (cell){.lock = PTHREAD_MUTEX_INITIALIZER};
    (void)aa_set_violation_handler(note_report, c);
    c->lanes = aa_shared_create(&(aa_options){.name = "lanes", .checks = AA_CHECKS_NONE});
    c->arenas = aa_private_create(&(aa_options){.name = "arenas", .checks = AA_CHECKS_NONE});
    return c->lanes != NULL && c->arenas != NULL && subject_make(&c->subject, kind, "subject");
}

void cell_end(cell *c)
{
    subject_end(c, &c->subject);
}

void cell_free(cell *c)
{
    if (aa_destroy(c->lanes) != AA_OK || aa_destroy(c->arenas) != AA_OK) {
        wrong(c, "the instruments could not be destroyed");
    }
}

void cell_print(const cell *c)
{
    char threads[64], scope[64] = NONE;
    tell_threads(c, threads, sizeof threads);
    if (c->looked > 0) {
        (void)snprintf(scope, sizeof scope, "%d of %d", c->saw, c->looked);
    }
    (void)printf("%s\t%s\t%s\t%s\t%s\n", c->reset[0] != '\0' ? c->reset : NONE,
                 c->destroy[0] != '\0' ? c->destroy : NONE, scope, threads, c->wrong);
    (void)fflush(stdout);
}

/* ---- other threads ---- */

static void await(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0 && errno == EINTR) {
    }
}

static void *visitor_main(void *argument)
{
    visitor *const v = argument;
    v->body(v);
    return NULL;
}

void visitor_invite(visitor *v, void (*body)(visitor *), cell *c)
{
    v->body = body;
    v->c = c;
    if (sem_init(&v->arrived, 0, 0) != 0 || sem_init(&v->leave, 0, 0) != 0 ||
        pthread_create(&v->thread, NULL, visitor_main, v) != 0) {
        wrong(c, "no thread");
        return;
    }
    await(&v->arrived);
}

void visitor_stay(visitor *v)
{
    (void)sem_post(&v->arrived);
    await(&v->leave);
}

void visitor_dismiss(visitor *v)
{
    (void)sem_post(&v->leave);
    if (pthread_join(v->thread, NULL) != 0) {
        wrong(v->c, "a thread did not end");
    }
    (void)sem_destroy(&v->arrived);
    (void)sem_destroy(&v->leave);
}

typedef struct errand {
    void (*body)(cell *);
    cell *c;
} errand;

static void *errand_main(void *argument)
{
    const errand *const e = argument;
    e->body(e->c);
    return NULL;
}

void on_another_thread(void (*body)(cell *), cell *c)
{
    errand e = {body, c};
    pthread_t thread;
    if (pthread_create(&thread, NULL, errand_main, &e) != 0 || pthread_join(thread, NULL) != 0) {
        wrong(c, "no thread");
    }
}

void flag_raise(cell *c)
{
    (void)__atomic_fetch_add(&c->flag, 1, __ATOMIC_RELEASE); /* pairs with flag_await */
}

void flag_await(cell *c, int wanted)
{
    while (__atomic_load_n(&c->flag, __ATOMIC_ACQUIRE) < wanted) {
        (void)sched_yield();
    }
}

void meet(cell *c, int wanted)
{
    flag_raise(c);
    flag_await(c, wanted);
}
