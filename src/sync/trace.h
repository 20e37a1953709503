/* Floor 3, sync: the recorder behind AA_TRACE. It writes events in Chrome's trace event format, one JSON object each;
 * what is worth one is said by the floors above (alloc/timeline.h, scope/timeline.h).
 *
 * It cannot record a forked child (whose recording ends: the file is its parent's), nor an event that comes while one
 * of the same thread is under way (a signal handler's).
 *
 * Invariants. A recorder is one thread's; with `used` its mark in `text`:
 *     used <= sizeof text;   text[0, used) are whole events, in the order of their time
 *     they are not in the file, or it is closed;  text[0, used) does not change before used goes back to 0
 *     the file is "[" event ("," event)* while it is open, and ends with "]" once it was closed: it then has all
 *     events that were recorded before the close
 *
 * Who: text[used, ...) and the rise of `used` (release) are the thread's. The fall of `used` to 0 (by the
 * thread alone), the file and the list of recorders are the lock's; whoever holds it reads the `used` of others
 * (acquire, pairs with that release) and hence whole events. So an event takes no lock; a full buffer, the end of a
 * thread and the end of the recording do.
 *
 * aai_trace_on: relaxed. 1 from the start to the end, for ever 0 after it. A thread that still sees 1 fills its own
 * buffer, which nobody reads any more. It becomes 1 under the lock, which a thread's first event takes: so it sees
 * the other facts of the start. busy, spans: their thread's, and its signal handlers' (relaxed).
 *
 * Lock: trace, above all others, and the one under which the system is called: to append a buffer to the file, for that
 * is what it orders. Nobody comes here with a lock held (aai_trace_stop, which may, asks). */
#ifndef AAI_TRACE_H
#define AAI_TRACE_H

#include "os/os.h"

extern int aai_trace_on;

static inline bool aai_tracing(void)
{
    return AAI_UNLIKELY(__atomic_load_n(&aai_trace_on, __ATOMIC_RELAXED) != 0);
}

/* Open the file of AA_TRACE, where it is set. Any number of calls; the first decides. Before the first event. */
void aai_trace_start(void);
/* Write what all threads recorded, complete the file, and record no more. Nothing where the caller holds a lock. */
void aai_trace_stop(void);

/* Hold the lock across forks from now on, after what is registered later. Once. */
void aai_trace_fork(void);

enum { AAI_NOTE_BYTES = 2048 };

/* One event in the making, on the stack: begin, arguments, end. */
typedef struct aai_note {
    struct aai_recorder *to;
    size_t used;
    bool has_arguments;
    char text[AAI_NOTE_BYTES];
} aai_note;

/* phase: 'B' and 'E', the beginning and the end of a span, which nest on their thread; 'i', an instant; 'C', counters.
 * False: nothing is recorded, and no other call must follow. */
bool aai_note_begin(aai_note *note, char phase, const char *category, const char *name);
/* Arguments. A text is cut where there is no room, and what is not UTF-8 becomes '?'. */
void aai_note_text(aai_note *note, const char *name, const char *value);
void aai_note_number(aai_note *note, const char *name, uint64_t value);
void aai_note_end(aai_note *note);

/* The calling thread's spans that a jump may leave: those of calls of this library, by their depth (1 .. 31). Opening
 * one ends those as deep or deeper, closing it the deeper ones: returns how many 'E' are missing. Inside a call; only
 * a span whose beginning was recorded is closed. */
int aai_trace_span_open(int depth);
int aai_trace_span_close(int depth);

#endif
