/* Digits: recognise handwritten digits with a small network, once with each allocator, and compare.
 *
 * It cannot train, and reads no images but those of the format in idx.c.
 *
 * Exit status: 0; 1 when a file or an allocator fails, or two rows differ in a bit; 2 for bad options.
 */
#include "bench.h"
#include "file.h"
#include "weights.h"

#include <allocarrays/status.h>
#include <getopt.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef DIGITS_DATA_DIR /* the build says where weights.bin and data/ lie */
#define DIGITS_DATA_DIR "."
#endif

typedef struct options {
    const char *images, *labels, *weights;
    int64_t batch;
    int passes;
} options;

static const char usage[] =
    "Usage: digits [OPTION]...\n"
    "Recognise handwritten digits, once with each allocator, and print what that cost.\n"
    "\n"
    "  --images FILE    IDX file of images, 28 x 28 bytes each (default: the 1,000 in data/)\n"
    "  --labels FILE    IDX file of their labels\n"
    "  --weights FILE   the trained network (default: weights.bin)\n"
    "  --batch N        images to a batch (default: 32)\n"
    "  --passes N       measured passes over the images (default: 9)\n"
    "  --help           print this\n";

/* ---- options ------------------------------------------------------------------------------------- */

static bool read_number(const char *name, const char *text, int64_t most, int64_t *number)
{
    char *end;
    const long long value = strtoll(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value < 1 || value > most) {
        return complain("--%s %s: a number from 1 to %lld is wanted", name, text, (long long)most);
    }
    *number = value;
    return true;
}

typedef enum parsed { GO_ON, STOP_WELL, STOP_BADLY } parsed;

static parsed parse_one(options *o, int letter)
{
    int64_t passes = o->passes;
    bool good = true;
    switch (letter) {
    case 'i':
        o->images = optarg;
        break;
    case 'l':
        o->labels = optarg;
        break;
    case 'w':
        o->weights = optarg;
        break;
    case 'b':
        good = read_number("batch", optarg, 1000000, &o->batch);
        break;
    case 'p':
        good = read_number("passes", optarg, 10000, &passes);
        o->passes = (int)passes;
        break;
    case 'h':
        (void)fputs(usage, stdout);
        return STOP_WELL;
    default:
        good = false;
    }
    return good ? GO_ON : STOP_BADLY;
}

static parsed parse(options *o, int argc, char **argv)
{
    static const struct option known[] = {
        {"images", required_argument, NULL, 'i'},
        {"labels", required_argument, NULL, 'l'},
        {"weights", required_argument, NULL, 'w'},
        {"batch", required_argument, NULL, 'b'},
        {"passes", required_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    parsed state = GO_ON;
    for (int letter; state == GO_ON && (letter = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        state = parse_one(o, letter);
    }
    if (state == GO_ON && optind < argc) {
        (void)complain("%s: not an option", argv[optind]);
        state = STOP_BADLY;
    }
    if (state == GO_ON && (o->images == NULL) != (o->labels == NULL)) {
        (void)complain("--images and --labels go together");
        state = STOP_BADLY;
    }
    return state;
}

/* ---- output -------------------------------------------------------------------------------------- */

enum { BAR = 40 };

static void show_progress(int done, int all)
{
    if (!isatty(STDERR_FILENO)) {
        return;
    }
    (void)fputs("\r[", stderr);
    for (int i = 0; i < BAR; ++i) {
        (void)fputc(i < BAR * done / all ? '#' : '.', stderr);
    }
    (void)fprintf(stderr, "] pass %d of %d ", done + 1, all);
}

static void erase_progress(void)
{
    if (isatty(STDERR_FILENO)) {
        (void)fputs("\r\033[K", stderr);
    }
}

/* A number with a comma between thousands, in a field of 9. */
static void print_grouped(unsigned long long number)
{
    char text[32];
    int used = 0, written = 0;
    do {
        if (written > 0 && written % 3 == 0) {
            text[used++] = ',';
        }
        text[used++] = (char)('0' + number % 10);
        written += 1;
        number /= 10;
    } while (number > 0);
    (void)printf("%*s", used < 9 ? 9 - used : 1, "");
    while (used > 0) {
        (void)putchar(text[--used]);
    }
}

static void print_row(const bench *b, const row *r)
{
    const double right = 100.0 * (double)bench_right(b, r) / (double)b->digits->count;
    (void)printf("%-26s %9.1f %7.2f", r->name, bench_time(b, r), bench_ratio(b, r));
    print_grouped(r->calls);
    if (r == &b->rows[0]) {
        (void)printf("%9s", "-");
    } else {
        print_grouped((r->held + 1023) / 1024);
    }
    print_grouped((unsigned long long)r->faults);
    (void)printf("%9.1f %%\n", right);
}

/* Returns whether all rows are bit-identical. */
static bool print_results(const bench *b)
{
    bool same = true;
    (void)printf("%-26s %9s %7s%9s%9s%9s\n", "", "ms per", "time /", "upstream", "KiB", "page");
    (void)printf("%-26s %9s %7s%9s%9s%9s%11s\n", "allocator", "1,000", "heap's", "calls", "held",
                 "faults", "accuracy");
    for (int i = 0; i < ROWS; ++i) {
        print_row(b, &b->rows[i]);
        same = same && b->rows[i].same;
    }
    (void)printf(
        "\nTimes and ratios are medians over %d rounds, a ratio being taken within each round. "
        "Upstream calls\nand page faults are those of the last pass; the heap's calls are its "
        "allocations.\n",
        b->rounds);
    (void)printf("%s\n", same ? "The predictions of all rows are identical, bit for bit."
                              : "THE PREDICTIONS DIFFER between rows: this is a bug.");
    return same;
}

/* ---- the job ------------------------------------------------------------------------------------- */

static bool run(const options *o, const digits *d, const model *m)
{
    bench b;
    (void)printf("AllocArrays %s: %lld digits in batches of %lld, %d OpenMP thread%s\n\n",
                 aa_version(), (long long)d->count, (long long)o->batch, omp_get_max_threads(),
                 omp_get_max_threads() == 1 ? "" : "s");
    (void)fflush(stdout);
    bool good = bench_init(&b, d, m, o->batch, o->passes) && bench_run(&b, show_progress);
    erase_progress();
    good = good && print_results(&b);
    bench_fini(&b);
    return good;
}

int main(int argc, char **argv)
{
    options o = {.batch = 32, .passes = 9, .weights = DIGITS_DATA_DIR "/weights.bin"};
    const parsed state = parse(&o, argc, argv);
    if (state != GO_ON) {
        return state == STOP_WELL ? 0 : 2;
    }
    if (o.images == NULL) {
        o.images = DIGITS_DATA_DIR "/data/digits-test-images.idx3-ubyte";
        o.labels = DIGITS_DATA_DIR "/data/digits-test-labels.idx1-ubyte";
    }
    digits d;
    model m;
    if (!digits_read(&d, o.images, o.labels)) {
        return 1;
    }
    bool good = weights_read(&m, o.weights);
    if (good) {
        good = run(&o, &d, &m);
        weights_free(&m);
    }
    digits_free(&d);
    return good ? 0 : 1;
}
