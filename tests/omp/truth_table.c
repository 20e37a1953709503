/* The truth table: runs every situation, compares each cell with what it must be, prints what it measured.
 *
 *     truth_table              all rows; exits with 1 when a cell is wrong
 *     truth_table NAME...      these rows
 *     truth_table --row NAME   a row's process itself, for a debugger: a line for each kind of allocator
 *     truth_table --list       the rows
 *
 * Output: comments ("# key value"), then per row, separated by tabs: name, group, situation, call, reset,
 * destroy, scope, threads, "right", "WRONG" or "absent", what was expected instead. tools/truth-table makes
 * doc/truth-table.md of it.
 *
 * A row is a process: a hang or an abort is a wrong cell and not the end. It is exec'ed and not only forked,
 * because a process that has run a region of libgomp hangs in the first region of a forked child; and this
 * process calls neither OpenMP nor the library, so that nothing is inherited. */
#include "truth_cell.h"

#include <link.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROW_SECONDS = 200, OUTPUT = 8192, LEAST_ROWS = 40, AT_ONCE = 4 };

static const group *const groups[] = {&truth_serial,  &truth_regions, &truth_tasks, &truth_devices,
                                      &truth_threads, &truth_owners,  &truth_marks, &truth_born,
                                      &truth_team,    &truth_ends};
enum { GROUPS = sizeof groups / sizeof groups[0] };

static const char *const kind_names[KINDS] = {"arena", "shared", "private"};

/* ---- which column this is ---- */

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#define COMPILER_NAME "clang"
#else
#define COMPILER "gcc " __VERSION__
#define COMPILER_NAME "gcc"
#endif

static char runtime_file[256] = "none";

static int look_for_runtime(struct dl_phdr_info *info, size_t bytes, void *unused)
{
    (void)bytes;
    (void)unused;
    const char *const slash = strrchr(info->dlpi_name, '/');
    const char *const file = slash != NULL ? slash + 1 : info->dlpi_name;
    if (strncmp(file, "libgomp.", 8) == 0 || strncmp(file, "libomp.", 7) == 0 ||
        strncmp(file, "libomp5.", 8) == 0 || strncmp(file, "libiomp5.", 9) == 0) {
        (void)snprintf(runtime_file, sizeof runtime_file, "%s", info->dlpi_name);
        return 1;
    }
    return 0;
}

bool on_libgomp(void)
{
    return strstr(runtime_file, "libgomp") != NULL;
}

/* A runtime without OMPT ignores the variable. */
static bool has_tool(void)
{
    const char *const tools = getenv("OMP_TOOL_LIBRARIES");
    return !on_libgomp() && tools != NULL && strstr(tools, "allocarrays-ompt") != NULL;
}

static void print_column(void)
{
    char *const real = realpath(runtime_file, NULL);
    const char *const slash = real == NULL ? NULL : strrchr(real, '/');
    (void)printf("# column %s-%s%s\n", COMPILER_NAME, on_libgomp() ? "libgomp" : "libomp",
                 has_tool() ? "-ompt" : "");
    (void)printf("# compiler %s\n", COMPILER);
    (void)printf("# runtime %s\n", slash != NULL ? slash + 1 : runtime_file);
    (void)printf("# openmp %d\n", _OPENMP);
    (void)printf("# library %s\n", aa_version());
    free(real);
}

/* ---- one row, in its own process ---- */

static const row *find_in(const group *g, const char *name)
{
    for (size_t i = 0; i < g->count; ++i) {
        if (strcmp(g->rows[i].name, name) == 0) {
            return &g->rows[i];
        }
    }
    return NULL;
}

static const row *find_row(const char *name)
{
    const row *found = find_in(&truth_planted, name);
    for (size_t g = 0; g < GROUPS && found == NULL; ++g) {
        found = find_in(groups[g], name);
    }
    return found;
}

static int run_row(const row *r)
{
    for (int kind = 0; kind < KINDS; ++kind) {
        if ((r->kinds & 1 << kind) == 0) {
            continue;
        }
        cell c;
        if (!cell_begin(&c, kind)) {
            return EXIT_FAILURE;
        }
        r->run(&c);
        cell_end(&c);
        cell_print(&c);
        cell_free(&c);
    }
    return EXIT_SUCCESS;
}

/* ---- the parent's side: start, read, wait ---- */

typedef struct measured {
    char fields[4][CELL_TEXT * 2], trouble[CELL_TEXT];
} measured;

static void child_becomes(const row *r, const char *program, int out)
{
    (void)dup2(out, STDOUT_FILENO);
    (void)unsetenv("AA_CHECKS");
    (void)unsetenv("OMP_THREAD_LIMIT");
    (void)unsetenv("OMP_MAX_ACTIVE_LEVELS");
    (void)setenv("OMP_DYNAMIC", "false", 1);
    (void)setenv("OMP_NUM_THREADS", "4",
                 1); /* with one processor libomp grants teams one thread each */
    if (r->environment != NULL) {
        char copy[128];
        (void)snprintf(copy, sizeof copy, "%s", r->environment);
        char *const equals = strchr(copy, '=');
        *equals = '\0';
        (void)setenv(copy, equals + 1, 1);
    }
    (void)execl("/proc/self/exe", program, "--row", r->name, (char *)NULL);
    _exit(127);
}

static long seconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)now.tv_sec;
}

/* All that a process writes until it ends; false: its time was up. */
static bool read_all(int from, int seconds, char *text, size_t bytes)
{
    const long deadline = seconds_now() + seconds;
    size_t used = 0;
    struct pollfd poller = {.fd = from, .events = POLLIN};
    while (used + 1 < bytes && seconds_now() < deadline) {
        if (poll(&poller, 1, 1000) <= 0) {
            continue;
        }
        const ssize_t got = read(from, text + used, bytes - 1 - used);
        if (got <= 0) {
            text[used] = '\0';
            return true;
        }
        used += (size_t)got;
    }
    text[used] = '\0';
    return false;
}

static void tell_end(int status, bool killed, char *text)
{
    if (killed) {
        (void)snprintf(text, CELL_TEXT, "hung");
    } else if (WIFSIGNALED(status)) {
        (void)snprintf(text, CELL_TEXT, "died of signal %d (%s)", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
    } else if (WEXITSTATUS(status) != 0) {
        (void)snprintf(text, CELL_TEXT, "exited with %d", WEXITSTATUS(status));
    }
}

static void run_apart(const row *r, const char *program, char *output, char *trouble)
{
    int ends[2], status = 0;
    trouble[0] = output[0] = '\0';
    if (pipe(ends) != 0) {
        (void)snprintf(trouble, CELL_TEXT, "no pipe");
        return;
    }
    (void)fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        (void)close(ends[0]);
        child_becomes(r, program, ends[1]);
    }
    (void)close(ends[1]);
    const bool ended = read_all(ends[0], r->seconds > 0 ? r->seconds : ROW_SECONDS, output, OUTPUT);
    (void)close(ends[0]);
    if (!ended) {
        (void)kill(child, SIGKILL);
    }
    (void)waitpid(child, &status, 0);
    tell_end(status, !ended, trouble);
}

/* Cut a line at its tabs. */
static int split(char *line, char **fields, int most)
{
    int count = 0;
    for (char *at = line; at != NULL && count < most; ++count) {
        fields[count] = at;
        at = strchr(at, '\t');
        if (at != NULL) {
            *at++ = '\0';
        }
    }
    return count;
}

/* "x" when all kinds of allocator gave x, else "arena: x; shared: y". */
static void join_kinds(const row *r, char *const values[KINDS], char *text, size_t bytes)
{
    const char *first = NULL;
    bool same = true;
    for (int kind = 0; kind < KINDS; ++kind) {
        if ((r->kinds & 1 << kind) != 0) {
            first = first == NULL ? values[kind] : first;
            same = same && strcmp(first, values[kind]) == 0;
        }
    }
    size_t used = 0;
    text[0] = '\0';
    for (int kind = 0; kind < KINDS && !same; ++kind) {
        if ((r->kinds & 1 << kind) != 0) {
            used += (size_t)snprintf(text + used, bytes - used, "%s%s: %s", used > 0 ? "; " : "",
                                     kind_names[kind], values[kind]);
            used = used < bytes ? used : bytes - 1;
        }
    }
    if (same) {
        (void)snprintf(text, bytes, "%s", first);
    }
}

enum { FIELDS = 5 };

static void understand(const row *r, char *output, measured *m)
{
    static char nothing[] = "nothing";
    char *by_kind[FIELDS][KINDS];
    char *line = output;
    for (int kind = 0; kind < KINDS; ++kind) {
        char *fields[FIELDS] = {nothing, nothing, nothing, nothing, nothing};
        if ((r->kinds & 1 << kind) != 0 && line != NULL && *line != '\0') {
            char *const end = strchr(line, '\n');
            if (end != NULL) {
                *end = '\0';
            }
            (void)split(line, fields, FIELDS);
            line = end != NULL ? end + 1 : NULL;
        }
        for (int field = 0; field < FIELDS; ++field) {
            by_kind[field][kind] = fields[field];
        }
    }
    for (int field = 0; field < 4; ++field) {
        join_kinds(r, by_kind[field], m->fields[field], sizeof m->fields[field]);
    }
    char said[CELL_TEXT];
    join_kinds(r, by_kind[4], said, sizeof said);
    if (m->trouble[0] == '\0' && said[0] != '\0') {
        (void)snprintf(m->trouble, sizeof m->trouble, "%s", said);
    }
}

/* ---- comparing ---- */

static const char *or_else(const char *first, const char *second)
{
    return first != NULL ? first : second;
}

/* What a column changes; destroy follows reset unless it is given. */
static void change(outcome *e, const outcome *by, bool is_reset)
{
    e->destroy = or_else(by->destroy, is_reset && by->reset != NULL ? by->reset : e->destroy);
    e->reset = or_else(by->reset, e->reset);
    e->scope = or_else(by->scope, e->scope);
    e->threads = or_else(by->threads, e->threads);
}

static outcome expected_of(const row *r)
{
    outcome e = r->gomp;
    e.destroy = or_else(e.destroy, r->call != NULL ? NONE : e.reset);
    const bool destroy_follows = r->call == NULL && strcmp(e.destroy, NONE) != 0;
    if (!on_libgomp()) {
        change(&e, &r->omp, destroy_follows);
    }
    if (has_tool()) {
        change(&e, &r->ompt, destroy_follows);
    }
    return e;
}

static bool print_verdict(const measured *m, const outcome *e)
{
    static const char *const names[] = {"answer", "destroy", "scope", "threads"};
    const char *const wanted[] = {e->reset, e->destroy, e->scope, e->threads};
    bool right = m->trouble[0] == '\0';
    for (int i = 0; i < 4; ++i) {
        right = right && strcmp(m->fields[i], wanted[i]) == 0;
    }
    (void)printf("\t%s\t%s", right ? "right" : "WRONG", m->trouble);
    for (int i = 0; i < 4; ++i) {
        if (strcmp(m->fields[i], wanted[i]) != 0) {
            (void)printf(" [%s should be: %s]", names[i], wanted[i]);
        }
    }
    (void)printf("\n");
    return right;
}

enum { RIGHT, ABSENT, WRONG };

/* Measure a row and print its line; which of these it was. */
static int do_row(const group *g, const row *r, const char *program)
{
    static char output[OUTPUT];
    static measured m;
    (void)printf("%s\t%s\t%s\t%s", r->name, g->title, r->situation, or_else(r->call, "aa_reset"));
    if (r->run == NULL) {
        (void)printf("\t-\t-\t-\t-\tabsent\t%s\n", r->gomp.reset);
        return ABSENT;
    }
    run_apart(r, program, output, m.trouble);
    understand(r, output, &m);
    for (int i = 0; i < 4; ++i) {
        (void)printf("\t%s", m.fields[i]);
    }
    const outcome e = expected_of(r);
    return print_verdict(&m, &e) ? RIGHT : WRONG;
}

/* ---- several at once: a process for each, whose lines are printed in the order of the rows ---- */

typedef struct tally {
    int rows, wrong, absent;
} tally;

typedef struct job {
    pid_t child;
    int from;
} job;

typedef struct queue {
    job jobs[AT_ONCE]; /* [first, last) modulo AT_ONCE */
    int first, last;
    tally t;
} queue;

static void finish_oldest(queue *q)
{
    char text[OUTPUT];
    const job *const j = &q->jobs[q->first++ % AT_ONCE];
    int status = 0;
    for (ssize_t got = read(j->from, text, sizeof text); got > 0;
         got = read(j->from, text, sizeof text)) {
        (void)fwrite(text, 1, (size_t)got, stdout);
    }
    (void)close(j->from);
    const bool ended = waitpid(j->child, &status, 0) == j->child && WIFEXITED(status);
    q->t.absent += ended && WEXITSTATUS(status) == ABSENT;
    q->t.wrong += !ended || (WEXITSTATUS(status) != RIGHT && WEXITSTATUS(status) != ABSENT);
}

static void finish_all(queue *q)
{
    while (q->first < q->last) {
        finish_oldest(q);
    }
}

static void start(queue *q, const group *g, const row *r, const char *program)
{
    int ends[2];
    if (q->last - q->first == AT_ONCE) {
        finish_oldest(q);
    }
    ++q->t.rows;
    (void)fflush(NULL);
    const pid_t child = pipe(ends) == 0 ? fork() : -1;
    if (child == 0) {
        (void)close(ends[0]);
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)close(ends[1]);
        if (g == &truth_planted) {
            (void)printf("# planted ");
        }
        const int end = do_row(g, r, program);
        (void)fflush(NULL);
        _exit(end);
    }
    if (child < 0) {
        ++q->t.wrong;
        return;
    }
    (void)close(ends[1]);
    q->jobs[q->last++ % AT_ONCE] = (job){child, ends[0]};
}

static int list_rows(void)
{
    for (size_t g = 0; g < GROUPS; ++g) {
        for (size_t i = 0; i < groups[g]->count; ++i) {
            (void)printf("%s\t%s\t%s\n", groups[g]->rows[i].name, groups[g]->title,
                         groups[g]->rows[i].situation);
        }
    }
    return EXIT_SUCCESS;
}

static bool is_wanted(const row *r, int count, char **names)
{
    for (int i = 0; i < count; ++i) {
        if (strcmp(names[i], r->name) == 0) {
            return true;
        }
    }
    return count == 0;
}

/* Rows that are wrong on purpose: how many were not found out. */
static int do_planted(const char *program)
{
    queue q = {.last = 0};
    for (size_t i = 0; i < truth_planted.count; ++i) {
        start(&q, &truth_planted, &truth_planted.rows[i], program);
    }
    finish_all(&q);
    return q.t.rows - q.t.wrong;
}

/* The rows with these names; count 0: all, and there must be as many as were promised. */
static int do_rows(const char *program, int count, char **names)
{
    queue q = {.last = 0};
    print_column();
    for (size_t g = 0; g < GROUPS; ++g) {
        for (size_t i = 0; i < groups[g]->count; ++i) {
            if (is_wanted(&groups[g]->rows[i], count, names)) {
                start(&q, groups[g], &groups[g]->rows[i], program);
            }
        }
    }
    finish_all(&q);
    const tally t = q.t;
    (void)printf("# rows %d\n# wrong %d\n# absent %d\n", t.rows, t.wrong, t.absent);
    const bool enough = t.rows >= (count == 0 ? LEAST_ROWS : count);
    const int missed = count == 0 ? do_planted(program) : 0;
    (void)printf("# missed %d\n", missed);
    return t.wrong == 0 && enough && missed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    (void)dl_iterate_phdr(look_for_runtime, NULL);
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        return list_rows();
    }
    if (argc == 3 && strcmp(argv[1], "--row") == 0) {
        const row *const r = find_row(argv[2]);
        return r != NULL && r->run != NULL ? run_row(r) : EXIT_FAILURE;
    }
    return do_rows(argv[0], argc - 1, argv + 1);
}
