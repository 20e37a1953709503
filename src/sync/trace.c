/* Floor 3, sync: the recorder behind AA_TRACE. See trace.h for the invariants, and who may write what. */
#include "sync/trace.h"

#include "os/file.h"
#include "sync/lock.h"

#include <errno.h>
#include <stdarg.h>

enum { BUFFER = 32 * 1024, PATH_MOST = 4096, NAME_MOST = 160 };
enum {
    CLOSING = 8,
    QUOTING = 16,
    ARGUMENT = 96
}; /* room that is kept: for the end of an event, of a text, ... */

struct aai_recorder {
    uint64_t thread;
    struct aai_recorder *next, *prev;
    size_t used;
    uint32_t spans; /* bit d: a call d deep has begun its span */
    bool busy, is_named;
    char text[BUFFER];
};

int aai_trace_on;

static aai_lock trace_lock = AAI_LOCK_INIT(AAI_RANK_TRACE);
static struct aai_recorder *all;
static int file = -1;
static long process;   /* before aai_trace_on; constant afterwards */
static uint64_t began; /* the same */

/* ---- the file ------------------------------------------------------------------------------------------------- */

/* Under the lock. A file that takes no more ends the recording. */
static void append_locked(const char *text, size_t bytes)
{
    static int warned;
    if (file < 0) {
        return;
    }
    const int error = aai_file_append(file, text, bytes);
    if (error != 0) {
        __atomic_store_n(&aai_trace_on, 0, __ATOMIC_RELAXED);
        aai_file_close(file);
        file = -1;
        aai_warn_once(&warned, "AA_TRACE: the file cannot be written (%s); the recording ends",
                      strerror(error));
    }
}

static void write_out_locked(struct aai_recorder *recorder)
{
    /* acquire: pairs with the release in append */
    const size_t used = __atomic_load_n(&recorder->used, __ATOMIC_ACQUIRE);
    append_locked(recorder->text, used);
}

/* Its own thread's call. */
static void empty(struct aai_recorder *recorder)
{
    aai_lock_acquire(&trace_lock);
    write_out_locked(recorder);
    __atomic_store_n(&recorder->used, 0, __ATOMIC_RELAXED);
    aai_lock_release(&trace_lock);
}

void aai_trace_stop(void)
{
    if (!aai_tracing() || aai_lock_any_held()) {
        return;
    }
    aai_lock_acquire(&trace_lock);
    __atomic_store_n(&aai_trace_on, 0, __ATOMIC_RELAXED);
    for (struct aai_recorder *recorder = all; recorder != NULL; recorder = recorder->next) {
        write_out_locked(recorder);
    }
    append_locked("\n]\n", 3);
    if (file >= 0) {
        aai_file_close(file);
        file = -1;
    }
    aai_lock_release(&trace_lock);
}

/* After the exit handlers, so that it has what they do. */
__attribute__((destructor)) static void stop_at_exit(void)
{
    aai_trace_stop();
}

/* ---- recorders ------------------------------------------------------------------------------------------------- */

static void unlink_locked(struct aai_recorder *recorder)
{
    if (recorder->prev != NULL) {
        recorder->prev->next = recorder->next;
    } else {
        all = recorder->next;
    }
    if (recorder->next != NULL) {
        recorder->next->prev = recorder->prev;
    }
}

static void thread_ends(aai_thread *self)
{
    struct aai_recorder *const recorder = self->recorder;
    if (recorder == NULL) {
        return;
    }
    self->recorder = NULL;
    aai_lock_acquire(&trace_lock);
    write_out_locked(recorder);
    unlink_locked(recorder);
    aai_lock_release(&trace_lock);
    aai_mfree(recorder);
}

static struct aai_recorder *make_recorder(aai_thread *self)
{
    static int warned;
    struct aai_recorder *const made = aai_malloc(sizeof *made);
    if (made == NULL) {
        self->is_unrecorded = true; /* an end whose beginning is missing would be worse */
        aai_warn_once(&warned, "AA_TRACE: no memory to record thread %llu",
                      (unsigned long long)self->id);
        return NULL;
    }
    made->thread = self->id;
    made->prev = NULL;
    made->used = 0;
    made->spans = 0;
    made->busy = made->is_named = false;
    aai_thread_at_exit(AAI_EXIT_TRACE, thread_ends);
    aai_lock_acquire(&trace_lock);
    made->next = all;
    if (all != NULL) {
        all->prev = made;
    }
    all = made;
    aai_lock_release(&trace_lock);
    self->recorder = made;
    return made;
}

/* The calling thread's; NULL: without memory, or inside an event of this thread. Made busy. */
static struct aai_recorder *take_recorder(void)
{
    aai_thread *const self = aai_self();
    if (self == NULL || self->is_unrecorded || aai_lock_any_held()) {
        return NULL;
    }
    struct aai_recorder *const mine = self->recorder != NULL ? self->recorder : make_recorder(self);
    if (mine == NULL || __atomic_load_n(&mine->busy, __ATOMIC_RELAXED)) {
        return NULL;
    }
    __atomic_store_n(&mine->busy, true, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return mine;
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

/* Room is kept for what closes the event. */
static size_t room(const aai_note *note)
{
    return AAI_NOTE_BYTES - CLOSING - note->used;
}

/* Adds all of it or nothing. */
static __attribute__((format(printf, 2, 3))) bool add(aai_note *note, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(note->text + note->used, room(note), format, arguments);
    va_end(arguments);
    const bool fits = (size_t)length < room(note); /* an error, below 0, is far above */
    note->used += fits ? (size_t)length : 0;
    return fits;
}

/* In quotes. Cut after whole characters; the quote that closes it always fits. */
static void add_quoted(aai_note *note, const char *text, size_t most)
{
    const size_t end = aai_min(note->used + most, note->used + room(note) - QUOTING);
    note->text[note->used++] = '"';
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0' && note->used < end;) {
        const size_t bytes = aai_utf8_at(at);
        if (bytes == 0) {
            note->text[note->used++] = '?';
            ++at;
        } else if (*at < 0x20 || *at == 0x7f) {
            (void)add(note, "\\u%04x", (unsigned)*at++);
        } else {
            if (*at == '"' || *at == '\\') {
                note->text[note->used++] = '\\';
            }
            memcpy(note->text + note->used, at, bytes);
            note->used += bytes;
            at += bytes;
        }
    }
    note->text[note->used++] = '"';
}

static void append(struct aai_recorder *recorder, const char *text, size_t bytes)
{
    if (bytes > BUFFER - recorder->used) {
        empty(recorder);
    }
    const size_t used = recorder->used;
    memcpy(recorder->text + used, text, bytes);
    /* release: pairs with the acquire in write_out_locked */
    __atomic_store_n(&recorder->used, used + bytes, __ATOMIC_RELEASE);
}

/* The head of an event: everything up to its name. */
static void add_head(aai_note *note, char phase, const char *category, uint64_t now)
{
    (void)add(note, ",\n{\"ph\":\"%c\",\"pid\":%ld,\"tid\":%llu,\"ts\":%llu.%03u,", phase, process,
              (unsigned long long)note->to->thread, (unsigned long long)(now / 1000),
              (unsigned)(now % 1000));
    (void)add(note, "\"cat\":\"%s\",", category);
    if (phase == 'i') {
        (void)add(note, "\"s\":\"t\",");
    }
    (void)add(note, "\"name\":");
}

/* A thread's first event follows its name. */
static void name_thread(struct aai_recorder *recorder)
{
    char text[160];
    const int length = snprintf(
        text, sizeof text,
        ",\n{\"ph\":\"M\",\"pid\":%ld,\"tid\":%llu,\"name\":\"thread_name\","
        "\"args\":{\"name\":\"thread %llu\"}}",
        process, (unsigned long long)recorder->thread, (unsigned long long)recorder->thread);
    recorder->is_named = true;
    append(recorder, text, (size_t)length);
}

bool aai_note_begin(aai_note *note, char phase, const char *category, const char *name)
{
    if (!aai_tracing()) {
        return false;
    }
    note->to = take_recorder();
    if (note->to == NULL) {
        return false;
    }
    if (!note->to->is_named) {
        name_thread(note->to);
    }
    note->used = 0;
    note->has_arguments = false;
    add_head(note, phase, category, aai_nanoseconds() - began);
    add_quoted(note, name, NAME_MOST);
    return true;
}

/* The name of an argument; false: there is no room for one. */
static bool begin_argument(aai_note *note, const char *name)
{
    if (room(note) < ARGUMENT) {
        return false;
    }
    const char *const before = note->has_arguments ? "," : ",\"args\":{";
    note->has_arguments = true;
    return add(note, "%s\"%s\":", before, name);
}

void aai_note_text(aai_note *note, const char *name, const char *value)
{
    if (begin_argument(note, name)) {
        add_quoted(note, value, SIZE_MAX / 2);
    }
}

void aai_note_number(aai_note *note, const char *name, uint64_t value)
{
    if (begin_argument(note, name)) {
        (void)add(note, "%llu", (unsigned long long)value);
    }
}

void aai_note_end(aai_note *note)
{
    const char *const end = note->has_arguments ? "}}" : "}";
    const size_t bytes = strlen(end);
    memcpy(note->text + note->used, end, bytes); /* CLOSING */
    append(note->to, note->text, note->used + bytes);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&note->to->busy, false, __ATOMIC_RELAXED);
}

/* ---- spans of calls ------------------------------------------------------------------------------------------------ */

/* How many of these bits are set; they are set no more. */
static int take_bits(struct aai_recorder *recorder, uint32_t bits)
{
    const int count = __builtin_popcount(recorder->spans & bits);
    recorder->spans &= ~bits;
    return count;
}

int aai_trace_span_open(int depth)
{
    struct aai_recorder *const mine = aa_tls.record->recorder;
    if (mine == NULL) {
        return 0;
    }
    const int left = take_bits(mine, UINT32_MAX << depth);
    mine->spans |= UINT32_C(1) << depth;
    return left;
}

int aai_trace_span_close(int depth)
{
    struct aai_recorder *const mine = aa_tls.record->recorder;
    const int left = take_bits(mine, UINT32_MAX << depth << 1);
    mine->spans &= ~(UINT32_C(1) << depth);
    return left;
}

/* ---- start, fork ------------------------------------------------------------------------------------------------ */

static void hold(void)
{
    aai_lock_hold(&trace_lock);
}

static void let_go(void)
{
    aai_lock_let_go(&trace_lock);
}

/* The parent writes what was recorded before; the file is its own. */
static void child(void)
{
    __atomic_store_n(&aai_trace_on, 0, __ATOMIC_RELAXED);
    if (file >= 0) {
        aai_file_close(file);
        file = -1;
    }
    const struct aai_recorder *const mine = aa_tls.record == NULL ? NULL : aa_tls.record->recorder;
    struct aai_recorder *next;
    for (struct aai_recorder *recorder = all; recorder != NULL; recorder = next) {
        next = recorder->next;
        if (recorder != mine) { /* its thread is gone */
            unlink_locked(recorder);
            aai_mfree(recorder);
        }
    }
    aai_lock_let_go(&trace_lock);
}

void aai_trace_fork(void)
{
    (void)pthread_atfork(hold, let_go, child);
}

/* %p becomes the number of the process. False: it is too long. */
static bool expand(const char *pattern, char *path, size_t bytes)
{
    size_t used = 0;
    for (; *pattern != '\0' && used + 24 < bytes; ++pattern) {
        if (pattern[0] == '%' && pattern[1] == 'p') {
            used += (size_t)snprintf(path + used, bytes - used, "%ld", process);
            ++pattern;
        } else {
            path[used++] = *pattern;
        }
    }
    path[used] = '\0';
    return *pattern == '\0';
}

/* The first event, which has no comma before it. */
static void write_first_locked(void)
{
    aai_note note = {.used = 0};
    (void)add(
        &note,
        "[\n{\"ph\":\"M\",\"pid\":%ld,\"tid\":0,\"name\":\"process_name\",\"args\":{\"name\":",
        process);
    add_quoted(&note, aai_program(), NAME_MOST);
    (void)add(&note, "}}");
    append_locked(note.text, note.used);
}

/* 0 or an errno. Under the lock: a fork comes before or after, and the child closes what there is. */
static int open_file(const char *path)
{
    aai_lock_acquire(&trace_lock);
    const int opened = aai_file_create(path);
    if (opened >= 0) {
        file = opened;
        write_first_locked();
        __atomic_store_n(&aai_trace_on, file >= 0, __ATOMIC_RELAXED);
    }
    aai_lock_release(&trace_lock);
    return opened < 0 ? -opened : 0;
}

static void start(void)
{
    static int warned;
    char path[PATH_MOST];
    const char *const pattern = aai_settings_get()->trace;
    if (pattern == NULL) {
        return;
    }
    process = aai_process();
    began = aai_nanoseconds();
    /* release: pairs with the acquire in print_and_abort */
    __atomic_store_n(&aai_before_abort, aai_trace_stop, __ATOMIC_RELEASE);
    const int error = expand(pattern, path, sizeof path) ? open_file(path) : ENAMETOOLONG;
    if (error != 0) {
        aai_warn_once(&warned, "AA_TRACE=%.64s cannot be written (%s); nothing is recorded",
                      pattern,
                      error == EBUSY ? "another process records in it; %p in the name is its number"
                                     : strerror(error));
    }
}

void aai_trace_start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start);
}
