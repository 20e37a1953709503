/* A reference allocator in plain arrays, and the calls that are made on the library and on it at once: random programs,
 * enumeration, fuzzing and failing upstreams all run model_run, which compares after each call.
 *
 * A slot keeps every allocation that is not taken back, in order of time. For a bump allocator, with h1 .. hn those held
 * and m the number held when the newest open mark was taken:
 *     free(hi)        takes hi back  <=>  i == n and n > m;  otherwise hi is forgotten and stays held
 *     rewind(mark)    takes back all that came after it, and ends it and the marks inside
 *     used            == the sum of the rounded sizes held;   peak == the largest use so far
 *     an array, its copies and views are valid  <=>  it is held
 * For the heap: free takes back whatever it names; rewind what came since by aa_alloc or through AA_CURRENT.
 *     current         == the slot of the innermost scope; the heap without one, or where that allocator is destroyed
 *     NULL            => a capacity, or an upstream that refused during this call; nothing is changed
 *     out of upstream == 0 after destroy, == committed where no capacity hides a rest
 * Every call is valid: one whose precondition does not hold does nothing. A difference is printed, with the program so
 * far where MODEL_TRACE is set, and aborts.
 *
 * What it cannot do: more than one thread; pins on the heap; marks of a custom allocator. */
#ifndef AA_TESTS_MODEL_H
#define AA_TESTS_MODEL_H

#include <allocarrays.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MODEL_SLOTS = 3,
    MODEL_HEAP = MODEL_SLOTS,        /* the slot of the heap */
    MODEL_CURRENT = MODEL_SLOTS + 1, /* for calls: AA_CURRENT, whatever it means */
    MODEL_HELD = 400,
    MODEL_MARKS = 12,
    MODEL_SCOPES = 12,
    MODEL_TOKENS = 4,
    MODEL_REMEMBERED = 64, /* of ended marks and dead arrays */
    MODEL_CALL_BYTES = 4
};

typedef enum model_op {
    MODEL_CREATE, /* code: kind and options, see model_options */
    MODEL_DESTROY,
    MODEL_ALLOC,
    MODEL_ALLOC_HOISTED, /* private: through this thread's arena */
    MODEL_ALLOC_ALIGNED,
    MODEL_CALLOC,
    MODEL_REALLOC,
    MODEL_FREE,
    MODEL_ARRAY,
    MODEL_SIMILAR,
    MODEL_COPY,
    MODEL_VIEW,
    MODEL_PIN,
    MODEL_UNPIN,
    MODEL_MARK,
    MODEL_REWIND,
    MODEL_DROP,
    MODEL_RESET,
    MODEL_ENTER,
    MODEL_LEAVE,
    MODEL_CAPTURE,
    MODEL_ENTER_TOKEN,
    MODEL_USE_ENDED_MARK,
    MODEL_USE_DEAD_ARRAY,
    MODEL_USE_DESTROYED,
    MODEL_OPS
} model_op;

typedef struct model_call {
    model_op op;
    unsigned at;    /* a slot, MODEL_HEAP or MODEL_CURRENT */
    unsigned which; /* item, mark, scope or token, counted from the newest; modulo their number */
    size_t bytes, alignment;
    unsigned code; /* MODEL_CREATE */
} model_call;

typedef struct model_item {
    char *memory;
    size_t bytes;
    uint64_t sequence;
    unsigned seed, pins;
    bool forgotten, tracked, is_array, has_view;
    aa_array array, view;
} model_item;

typedef struct model_mark {
    aa_mark mark;
    int held;          /* items held when it was taken */
    uint64_t sequence; /* of the next item then */
} model_mark;

/* What is asked of the operating system for one slot; the n-th request of the world may be refused. */
typedef struct model_upstream {
    struct model *world;
    aa_upstream *upstream;
    size_t out;
    uint64_t calls;
} model_upstream;

typedef struct model_slot {
    aa_allocator *allocator, *destroyed; /* NULL: none */
    uint64_t generation; /* of its allocator: names it in scopes and tokens for ever */
    int kind;
    aa_options options;
    model_item items[MODEL_HELD];
    int count;
    model_mark marks[MODEL_MARKS];
    int mark_count;
    aa_mark ended[MODEL_REMEMBERED];
    aa_array dead[MODEL_REMEMBERED];
    unsigned ended_count, dead_count, pins;
    bool
        blurred; /* no memory to note a rewind: some that are dead may pass for valid, never the other way round */
    uint64_t next_sequence, allocations, live_frees, resets;
    size_t used, peak;
    model_upstream counted;
} model_slot;

typedef struct model_scope {
    aa_scope scope;
    int slot; /* MODEL_HEAP too */
    uint64_t generation;
} model_scope;

typedef struct model_token {
    aa_token token;
    int slot;
    uint64_t generation;
} model_token;

typedef struct model {
    model_slot slots[MODEL_SLOTS + 1];
    model_scope scopes[MODEL_SCOPES];
    model_token tokens[MODEL_TOKENS];
    int scope_count, token_count, step;
    uint64_t generations;
    char label[64]; /* of the program, with its number: for what is printed */
    unsigned long long number;
    int digits;         /* hexadecimal ones of the number, zeros before it included */
    size_t whole_up_to; /* longer contents are compared at both ends only */
    bool trace;
    bool metadata; /* what is refused may be what the library notes its own state in */
    bool pages;    /* all allocators are over pages, not over the model's upstream */
    bool blind;    /* the driver knows that this call was compared before, after the same calls */
    uint64_t requests;       /* of all upstreams */
    int64_t refuse;          /* as aa_upstream_failing: n, -n, 0 */
    uint64_t refused;        /* requests so far */
    uint64_t refused_before; /* when the call under way began */
    uint64_t gone_since;     /* allocators destroyed, to stay inside the library's quarantine */
} model;

/* A world without allocators; it records violations from now on. */
void model_init(model *m);
/* Whatever is left is destroyed and given back, and the upstreams too. */
void model_fini(model *m);
/* End scopes and allocators, and compare what is left then: nothing. */
void model_end(model *m);

/* One call, on the library and here. Compares what it returned and reported, and the stats of its slot. */
void model_run(model *m, const model_call *call);
/* Compare everything: contents, liveness, stats, what is current. */
void model_check(model *m);

/* Any four bytes are a call, any code is options for a kind that exists. */
model_call model_decode(const unsigned char bytes[MODEL_CALL_BYTES]);
aa_options model_options(unsigned code, int *kind);

/* ---- between the parts of the model --------------------------------------------------------------------- */

/* Whether this call may be refused for want of memory, and said so. */
bool model_may_refuse(const model *m);
_Noreturn void model_differs(const model *m, const char *condition, const char *file, int line);
#define model_require(m, condition)                                                                \
    ((condition) ? (void)0 : model_differs((m), #condition, __FILE__, __LINE__))

/* Since the call under way began; the kind of the last, -1: none. */
int model_reports(void);
int model_report_kind(void);
void model_forget_reports(void);

size_t model_rounded(const model_slot *slot, size_t bytes);
void model_fill(const model *m, model_item *item);
bool model_holds(const model *m, const model_item *item);
/* Slot of the innermost scope; *gone: that allocator is destroyed, and asking reports it. */
int model_current(const model *m, bool *gone);
/* Items from index `held` on, or one item, are taken back; marks from `count` on have ended. */
void model_take_back(model_slot *slot, int held);
void model_take_one(model_slot *slot, int index);
void model_end_marks(model_slot *slot, int count);
void model_check_slot(model *m, model_slot *slot);
void model_check_stats(model *m, const model_slot *slot);

typedef void model_act(model *m, model_slot *slot, const model_call *call);
model_act model_create, model_destroy, model_enter, model_leave, model_capture, model_enter_token,
    model_reset, model_mark_act, model_rewind, model_drop, model_use_ended_mark,
    model_use_dead_array, model_use_destroyed;

#endif
