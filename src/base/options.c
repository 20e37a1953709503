/* Floor 1, base: the one table of environment variables. Read once, at first use.
 * A malformed value gives one warning and the default. */
#include "base/base.h"

#include <allocarrays/allocator.h>
#include <errno.h>
#include <pthread.h>

typedef struct choice {
    const char *word;
    int value;
} choice;

static const choice checks_words[] = {
    {"none", AA_CHECKS_NONE}, {"api", AA_CHECKS_API}, {"full", AA_CHECKS_FULL}, {NULL, 0}};
static const choice switch_words[] = {{"0", 0}, {"1", 1}, {NULL, 0}};
static const choice stats_words[] = {{"0", 0}, {"1", 1}, {"text", 1}, {"json", 2}, {NULL, 0}};

static aai_settings settings;

static struct {
    const char *name, *meaning;
    const choice *words; /* NULL: a number from 1 to limit */
    int limit, fallback;
    int *target;
    const char **text; /* instead of target: kept as it is, for whom it is meant to read */
    bool needs_text;   /* an empty one is a mistake */
} const table[] = {
    {"AA_CHECKS", "checks of allocators whose options leave them open: none, api, full",
     checks_words, 0, AA_CHECKS_NONE, &settings.checks, NULL, false},
    {"AA_VERBOSE", "1 prints this table", switch_words, 0, 0, &settings.verbose, NULL, false},
    {"AA_STATS", "1 (or text) or json: report live allocators at exit", stats_words, 0, 0,
     &settings.stats, NULL, false},
    {"AA_TRACE", "a file to record a timeline in; %p is the number of the process", NULL, 0, 0,
     NULL, &settings.trace, true},
    {"AA_TEAM_TIMEOUT", "seconds that aa_reset_team waits for the whole team", NULL, 1000000, 60,
     &settings.team_timeout, NULL, false},
    {"AA_HUGETLB",
     "1: blocks with AA_HUGEPAGES come from the huge pages that the system keeps reserved, while "
     "it has any",
     switch_words, 0, 0, &settings.hugetlb, NULL, false},
    {"AA_OMP_ALLOCATOR",
     "the allocator where no scope is open, in the words of OMP_ALLOCATOR: an allocator, or a "
     "memory space "
     "and traits",
     NULL, 0, 0, NULL, &settings.omp_allocator, false},
};

static bool parse_word(const choice *words, const char *text, int *value)
{
    for (; words->word != NULL; ++words) {
        if (strcmp(words->word, text) == 0) {
            *value = words->value;
            return true;
        }
    }
    return false;
}

static bool parse_number(const char *text, int limit, int *value)
{
    char *end;
    const long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || number < 1 || number > limit) {
        return false;
    }
    *value = (int)number;
    return true;
}

/* A copy, for the environment may change; it lives as long as the process. */
static const char *keep_text(const char *text)
{
    const size_t bytes = text == NULL ? 0 : strlen(text) + 1;
    char *const copy = bytes < 2 ? NULL : malloc(bytes);
    return copy == NULL ? NULL : memcpy(copy, text, bytes);
}

/* A word for its value, as the variable would be set; numbers as they are. */
static void print_settings(void)
{
    (void)fprintf(stderr, "allocarrays %s, settings:\n", aa_version());
    for (size_t i = 0; i < sizeof table / sizeof table[0]; ++i) {
        char text[16];
        const int number = table[i].text != NULL ? 0 : *table[i].target;
        (void)snprintf(text, sizeof text, "%d", number);
        for (const choice *c = table[i].words; c != NULL && c->word != NULL; ++c) {
            if (c->value == number) {
                (void)snprintf(text, sizeof text, "%s", c->word);
            }
        }
        const char *const kept = table[i].text != NULL ? *table[i].text : text;
        (void)fprintf(stderr, "  %s=%s  (%s)\n", table[i].name, kept != NULL ? kept : "",
                      table[i].meaning);
    }
}

static void warn(size_t i, const char *text)
{
    (void)fprintf(stderr, "allocarrays: %s=%.64s is not understood (%s); ignored\n", table[i].name,
                  text, table[i].meaning);
}

static void read_environment(void)
{
    const int kept = errno;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; ++i) {
        const char *const text = getenv(table[i].name);
        if (table[i].text != NULL) {
            *table[i].text = keep_text(text);
            if (text != NULL && *text == '\0' && table[i].needs_text) {
                warn(i, text);
            }
            continue;
        }
        *table[i].target = table[i].fallback;
        if (text == NULL || *text == '\0') {
            continue;
        }
        const bool fine = table[i].words != NULL
                              ? parse_word(table[i].words, text, table[i].target)
                              : parse_number(text, table[i].limit, table[i].target);
        if (!fine) {
            warn(i, text);
        }
    }
    if (settings.verbose != 0) {
        print_settings();
    }
    errno = kept;
}

const aai_settings *aai_settings_get(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_environment);
    return &settings;
}
