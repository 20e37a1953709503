/* AA_TRACE on a system that answers as a test says: its calls are wrapped by the linker. With the core's objects, for what a
 * program cannot ask for: an end of the recording amid the process, an event under a lock. */
#include "run.h"
#include "runner.h"

#include "sync/lock.h"
#include "sync/trace.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/auxv.h>

static struct {
    bool no_locks, is_privileged;
    int error;      /* of each write; 0: none */
    int interrupts; /* so many writes fail with EINTR first */
    size_t most;    /* bytes of one write; 0: all */
    bool nothing;   /* a write returns 0 */
} plan;

static int answered; /* as the plan says */

int __real_flock(int file, int operation);
int __wrap_flock(int file, int operation);
unsigned long __real_getauxval(unsigned long type);
unsigned long __wrap_getauxval(unsigned long type);
ssize_t __real_write(int file, const void *text, size_t bytes);
ssize_t __wrap_write(int file, const void *text, size_t bytes);

int __wrap_flock(int file, int operation)
{
    answered += plan.no_locks;
    errno = ENOLCK;
    return plan.no_locks ? -1 : __real_flock(file, operation);
}

unsigned long __wrap_getauxval(unsigned long type)
{
    return plan.is_privileged && type == AT_SECURE ? 1 : __real_getauxval(type);
}

static ssize_t refused_write(int error)
{
    ++answered;
    errno = error;
    return -1;
}

ssize_t __wrap_write(int file, const void *text, size_t bytes)
{
    if (plan.error != 0) {
        return refused_write(plan.error);
    }
    if (plan.interrupts > 0) {
        --plan.interrupts;
        return refused_write(EINTR);
    }
    answered += plan.nothing;
    const bool cut = plan.most != 0 && plan.most < bytes;
    return plan.nothing ? 0 : __real_write(file, text, cut ? plan.most : bytes);
}

static void one_round(void)
{
    aa_allocator *const a = aa_arena_create(&(aa_options){.name = "one"});
    AA_WITH(a) {
        must(aa_alloc(AA_CURRENT, 64) != NULL);
    }
    must(aa_reset(a) == AA_OK && aa_destroy(a) == AA_OK);
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

static void without_locks(void)
{
    plan.no_locks = true;
    one_round();
    must(answered == 1);
}

START_TEST(a_file_system_without_locks_records_all_the_same)
{
    trace t;
    record(&t, without_locks);
    const event *const begun = trace_find(&t, 'B', "one", NULL, NULL);
    ck_assert_int_lt(begun->ns, INT64_C(60000000000)); /* since the recording began */
    trace_end(&t);
}
END_TEST

static void with_the_rights_of_others(void)
{
    plan.is_privileged = true;
    one_round();
}

START_TEST(a_program_with_the_rights_of_others_writes_no_file)
{
    trace t;
    child_result result;
    trace_name(&t);
    run_with(&result, with_the_rights_of_others, t.path);
    assert_exited_well(&result);
    ck_assert_msg(occurrences(result.text, "cannot be written (Operation not permitted)") == 1 &&
                      occurrences(result.text, SAYS) == 1,
                  "%s", result.text);
    ck_assert_int_eq(access(t.path, F_OK), -1);
}
END_TEST

static void interrupted_and_in_pieces(void)
{
    errno = 7;
    one_round();
    plan.interrupts = 3;
    plan.most = 1000;
    (void)enter_many("many");
    must(answered == 3 && errno == 7);
}

START_TEST(a_write_that_is_interrupted_or_partial_is_continued)
{
    trace t;
    record(&t, interrupted_and_in_pieces);
    ck_assert_int_eq(trace_count(&t, 'B', "many", NULL, NULL), MANY);
    trace_end(&t);
}
END_TEST

/* EFBIG comes without a signal where the file system, not the process's limit, is what ends: none is waited for then. */
static const struct {
    int error;
    const char *said;
} failures[] = {{0, "(Input/output error)"}, {EFBIG, "(File too large)"}, {EPIPE, "(Broken pipe)"}};
enum { FAILURES = sizeof failures / sizeof failures[0] };
static int failure;

static void fail_amid(void)
{
    one_round();
    plan.error = failures[failure].error;
    plan.nothing = plan.error == 0;
    overflow_two_buffers();
    must(answered == 1);
}

static void fail_at_the_end(void)
{
    one_round();
    plan.error = failures[failure].error;
    plan.nothing = plan.error == 0;
}

START_TEST(a_write_that_fails_ends_the_recording_with_one_sentence)
{
    failure = _i % FAILURES;
    trace t;
    child_result result;
    trace_name(&t);
    run_with(&result, _i < FAILURES ? fail_amid : fail_at_the_end, t.path);
    assert_exited_well(&result);
    ck_assert_msg(occurrences(result.text, failures[failure].said) == 1 &&
                      occurrences(result.text, SAYS) == 1,
                  "%s", result.text);
    ck_assert_int_eq(unlink(t.path), 0);
}
END_TEST

/* ---- the file's number serves another -------------------------------------------------------------------------- */

static pthread_barrier_t both;

static bool without_input; /* the file's number is then 0 */

static void free_numbers(void)
{
    must(!without_input || close(STDIN_FILENO) == 0);
}

static const char *other_path(void)
{
    static char path[80];
    (void)snprintf(path, sizeof path, "%s.other", getenv("AA_TRACE"));
    return path;
}

/* Its number: the lowest that is free. */
static int open_other(void)
{
    const int file = open(other_path(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    must(file >= 0);
    return file;
}

static bool other_stayed_empty(void)
{
    struct stat is;
    must(stat(other_path(), &is) == 0 && unlink(other_path()) == 0);
    return is.st_size == 0;
}

static void *record_and_wait(void *unused)
{
    one_round();
    (void)pthread_barrier_wait(&both);
    (void)pthread_barrier_wait(&both);
    return unused;
}

static void stop(void)
{
    aai_trace_stop();
}

static void fill_up(void)
{
    plan.error = ENOSPC;
    (void)enter_many("here");
    plan.error = 0;
}

static void (*const ends[])(void) = {stop, fill_up};
static int end_by;

static void end_and_open_another(void)
{
    pthread_t thread;
    free_numbers();
    const int number = open_other();
    must(!without_input || number == 0);
    must(close(number) == 0 && pthread_barrier_init(&both, NULL, 2) == 0);
    must(pthread_create(&thread, NULL, record_and_wait, NULL) == 0);
    (void)pthread_barrier_wait(&both);
    must(aai_tracing());
    ends[end_by]();
    const int other = open_other();
    must(other == number && !aai_tracing());
    (void)pthread_barrier_wait(&both);
    must(pthread_join(thread, NULL) == 0 && other_stayed_empty());
}

START_TEST(after_the_recording_a_file_with_its_number_stays_empty)
{
    end_by = _i % 2;
    without_input = _i / 2 == 1;
    trace t;
    child_result result;
    trace_name(&t);
    run_with(&result, end_and_open_another, t.path);
    assert_exited_well(&result);
    ck_assert_int_eq(occurrences(result.text, "No space left"), end_by);
    if (end_by == 0) {
        trace_read(&t); /* up to its bracket */
        ck_assert_int_eq(trace_count(&t, 'B', "one", NULL, NULL), 1);
    }
    trace_end(&t);
}
END_TEST

static void end_at_once(void) /* before LeakSanitizer, which would miss the other thread's stack */
{
    _exit(0);
}

/* The child's only thread ends, with what its parent recorded. */
static void *fork_and_open_another(void *number)
{
    one_round();
    const pid_t child = fork();
    if (child == 0) {
        must(open_other() == *(int *)number && atexit(end_at_once) == 0);
        pthread_exit(NULL);
    }
    int status = -1;
    must(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    must(other_stayed_empty());
    return NULL;
}

static void fork_on_a_thread(void)
{
    pthread_t thread;
    free_numbers();
    int number = open_other();
    must(close(number) == 0);
    must(pthread_create(&thread, NULL, fork_and_open_another, &number) == 0);
    must(pthread_join(thread, NULL) == 0);
}

START_TEST(in_a_forked_child_a_file_with_its_number_stays_empty)
{
    trace t;
    without_input = _i == 1;
    record(&t, fork_on_a_thread);
    ck_assert_int_eq(trace_count(&t, 'B', "one", NULL, NULL), 1);
    trace_end(&t);
}
END_TEST

/* ---- threads ----------------------------------------------------------------------------------------------------- */

static void *one_round_there(void *unused)
{
    one_round();
    return unused;
}

static void first_ends_first(void)
{
    pthread_t first;
    must(pthread_barrier_init(&both, NULL, 2) == 0);
    must(pthread_create(&first, NULL, record_and_wait, NULL) == 0);
    (void)pthread_barrier_wait(&both);
    one_round(); /* this thread is the second */
    (void)pthread_barrier_wait(&both);
    must(pthread_join(first, NULL) == 0);
    must(pthread_create(&first, NULL, one_round_there, NULL) == 0);
    must(pthread_join(first, NULL) == 0);
    one_round();
}

START_TEST(threads_end_in_any_order)
{
    trace t;
    record(&t, first_ends_first);
    ck_assert_int_eq(trace_count(&t, 'B', "one", NULL, NULL), 4);
    ck_assert_int_eq(trace_count(&t, 'M', "thread_name", NULL, NULL), 3);
    trace_end(&t);
}
END_TEST

/* ---- an end amid a reset ----------------------------------------------------------------------------------------- */

static jmp_buf out;
static aa_allocator *pinned;

static void jump(const aa_violation *violation, void *context)
{
    (void)violation;
    (void)context;
    longjmp(out, 1);
}

static void *give_nothing(void *state, size_t bytes, size_t alignment)
{
    (void)state;
    (void)bytes;
    (void)alignment;
    return NULL;
}

static aa_status reset_another(void *other)
{
    return aa_reset(other);
}

static void reset_amid_a_reset(void)
{
    static const aa_allocator_ops ops = {
        .size = sizeof ops, .alloc = give_nothing, .reset = reset_another};
    aa_allocator *const inner = aa_arena_create(NULL);
    aa_allocator *const outer = aa_custom_create(&ops, inner, NULL);
    must(aa_reset(outer) == AA_OK && aa_destroy(outer) == AA_OK && aa_destroy(inner) == AA_OK);
}

START_TEST(a_reset_inside_another_ends_first_and_alone)
{
    trace t;
    record(&t, reset_amid_a_reset);
    ck_assert_int_eq(trace_count(&t, 'E', "aa_reset", "status", "AA_OK"), 2);
    ck_assert_int_eq(trace_count(&t, 'E', "left by a jump", NULL, NULL), 0);
    trace_end(&t);
}
END_TEST

static bool ends_amid;

/* What it began and left by a jump has no end yet when the recording ends. */
static aa_status leave_a_reset(void *state)
{
    ++*(int *)state;
    if (setjmp(out) == 0) {
        (void)aa_reset(pinned);
        must(false);
    }
    if (ends_amid) {
        fill_up();
    }
    return AA_OK;
}

static void leave_a_reset_amid_a_reset(void)
{
    static const aa_allocator_ops ops = {
        .size = sizeof ops, .alloc = give_nothing, .reset = leave_a_reset};
    int resets = 0;
    const int64_t extent = 10;
    aa_allocator *const a = aa_custom_create(&ops, &resets, NULL);
    pinned = aa_arena_create(NULL);
    const aa_array array = aa_empty(pinned, AA_F64, 1, &extent);
    must(aa_pin(&array) == AA_OK);
    (void)aa_set_violation_handler(jump, NULL);
    must(aa_reset(a) == AA_OK && resets == 1 && aai_tracing() != ends_amid);
    must(aa_unpin(&array) == AA_OK && aa_destroy(pinned) == AA_OK && aa_destroy(a) == AA_OK);
}

START_TEST(what_a_reset_left_by_a_jump_ends_before_it)
{
    trace t;
    record(&t, leave_a_reset_amid_a_reset);
    ck_assert_int_eq(trace_count(&t, 'E', "left by a jump", NULL, NULL), 1);
    ck_assert_int_eq(trace_count(&t, 'E', "aa_reset", "status", "AA_OK"), 1);
    trace_end(&t);
}
END_TEST

START_TEST(a_recording_may_end_inside_a_reset)
{
    trace t;
    child_result result;
    trace_name(&t);
    ends_amid = true;
    run_with(&result, leave_a_reset_amid_a_reset, t.path);
    assert_exited_well(&result);
    ck_assert_msg(occurrences(result.text, "(No space left on device)") == 1 &&
                      occurrences(result.text, SAYS) == 1,
                  "%s", result.text);
    trace_read_unfinished(&t);
    trace_assert_rules(&t);
    trace_end(&t);
}
END_TEST

/* ---- events ------------------------------------------------------------------------------------------------------ */

/* What a signal handler may be amid. */
static void inside(void)
{
    static aai_lock lock = AAI_LOCK_INIT(AAI_RANK_REGISTRY);
    aai_note note, other;
    one_round();
    must(aai_note_begin(&note, 'i', "test", "around"));
    must(!aai_note_begin(&other, 'i', "test", "inside"));
    aai_note_number(&note, "number", 7);
    aai_note_end(&note);
    aai_lock_acquire(&lock);
    must(!aai_note_begin(&note, 'i', "test", "inside"));
    aai_trace_stop();
    must(aai_tracing());
    aai_lock_release(&lock);
    must(aai_note_begin(&note, 'i', "test", "after it"));
    aai_note_end(&note);
}

START_TEST(inside_an_event_or_a_lock_nothing_is_recorded_and_nothing_ends)
{
    trace t;
    record(&t, inside);
    ck_assert_int_eq(trace_count(&t, 'i', "inside", NULL, NULL), 0);
    ck_assert_int_eq(trace_count(&t, 'i', "around", "number", "7"), 1);
    ck_assert_int_eq(trace_count(&t, 'i', "after it", NULL, NULL), 1);
    trace_end(&t);
}
END_TEST

static void events_without_room(void)
{
    static char longest[5000];
    aai_note note;
    memset(longest, 'x', sizeof longest - 1);
    one_round();
    must(aai_note_begin(&note, 'i', longest, "no category"));
    aai_note_number(&note, "number", 7);
    aai_note_end(&note);
    must(aai_note_begin(&note, 'i', "test", "no room"));
    aai_note_text(&note, "long", longest);
    aai_note_number(&note, "number", 7);
    aai_note_text(&note, "text", "text");
    aai_note_end(&note);
}

static const char *line_of(const event *e)
{
    const char *at = e->arguments;
    while (at[-1] != '\n') {
        --at;
    }
    return at;
}

START_TEST(what_has_no_room_in_an_event_is_left_out_whole)
{
    trace t;
    child_result result;
    trace_name(&t);
    run_with(&result, events_without_room, t.path);
    assert_exited_well(&result);
    trace_read(&t);
    const event *const bare = trace_find(&t, 'i', "no category", NULL, NULL);
    ck_assert_str_eq(bare->category, "");
    ck_assert_int_eq(event_number(bare, "number"), 7);
    const event *const full = trace_find(&t, 'i', "no room", NULL, NULL);
    ck_assert_uint_gt(strlen(event_text(full, "long")), AAI_NOTE_BYTES - 200);
    const size_t bytes = strcspn(full->arguments, "\n") + (size_t)(full->arguments - line_of(full));
    ck_assert_uint_le(bytes, AAI_NOTE_BYTES - 16); /* with what is kept for the ends */
    ck_assert_str_eq(event_text(full, "number"), "");
    ck_assert_str_eq(event_text(full, "text"), "");
    trace_end(&t);
}
END_TEST

AA_TEST_MAIN("trace: what the system answers",
             AA_TEST(a_file_system_without_locks_records_all_the_same),
             AA_TEST(a_program_with_the_rights_of_others_writes_no_file),
             AA_TEST(a_write_that_is_interrupted_or_partial_is_continued),
             AA_TEST_LOOP(a_write_that_fails_ends_the_recording_with_one_sentence, 0, 2 * FAILURES),
             AA_TEST_LOOP(after_the_recording_a_file_with_its_number_stays_empty, 0, 4),
             AA_TEST_LOOP(in_a_forked_child_a_file_with_its_number_stays_empty, 0, 2),
             AA_TEST(threads_end_in_any_order),
             AA_TEST(a_reset_inside_another_ends_first_and_alone),
             AA_TEST(what_a_reset_left_by_a_jump_ends_before_it),
             AA_TEST(a_recording_may_end_inside_a_reset),
             AA_TEST(inside_an_event_or_a_lock_nothing_is_recorded_and_nothing_ends),
             AA_TEST(what_has_no_room_in_an_event_is_left_out_whole))
