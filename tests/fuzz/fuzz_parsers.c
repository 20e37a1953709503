/* The parsers of text and files that come from outside: environment variables, and the digits example's IDX files. */
#include "fuzz.h"

/* Its parsers are static, and it reads the environment once; its settings are beside those of the library here. */
#define aai_settings_get fuzzed_settings_get
#include "base/options.c"

#include "scope/traits.h"

#include "../../examples/digits/idx.h"

#include <allocarrays.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST = 4096 };

void fuzz_failed(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "fuzz: not so: %s (%s:%d)\n", condition, file, line);
    (void)fflush(stderr);
    abort();
}

/* A string, up to the first zero byte. */
static const char *text_of(const uint8_t *data, size_t bytes)
{
    static char text[MOST + 1];
    const size_t used = bytes < MOST ? bytes : MOST;
    memcpy(text, data, used);
    text[used] = '\0';
    return text;
}

void fuzz_traits(const uint8_t *data, size_t bytes)
{
    const char *const text = text_of(data, bytes);
    aai_pool_words words;
    const char *wrong = NULL;
    const bool read = aai_pool_read(text, &words, &wrong);
    fuzz_require(wrong >= text && wrong <= text + strlen(text));
    fuzz_require(words.count >= 0 && words.count <= AAI_TRAITS_MAX);
    fuzz_require(!read || *wrong == '\0');
    if (!read || words.is_plain) {
        return;
    }
    aa_last_clear();
    aa_allocator *const pool = aa_allocator_from_traits(words.space, words.count, words.traits);
    fuzz_require((pool == NULL) == (aa_last_status() != AA_OK));
    fuzz_require(pool == NULL || aa_destroy(pool) == AA_OK);
}

static void check_settings(void)
{
    fuzz_require(settings.checks >= AA_CHECKS_NONE && settings.checks <= AA_CHECKS_FULL);
    fuzz_require(settings.verbose == 0 || settings.verbose == 1);
    fuzz_require(settings.stats >= 0 && settings.stats <= 2);
    fuzz_require(settings.team_timeout >= 1 && settings.team_timeout <= 1000000);
}

void fuzz_settings(const uint8_t *data, size_t bytes)
{
    if (bytes == 0) {
        return;
    }
    const char *const name = table[data[0] % (sizeof table / sizeof table[0])].name;
    const char *const text = text_of(data + 1, bytes - 1);
    fuzz_require(setenv(name, text, 1) == 0);
    read_environment();
    check_settings();
    const bool kept = strcmp(name, "AA_OMP_ALLOCATOR") == 0 && *text != '\0';
    fuzz_require(kept ? strcmp(settings.omp_allocator, text) == 0 : settings.omp_allocator == NULL);
    const bool named = strcmp(name, "AA_TRACE") == 0 && *text != '\0';
    fuzz_require(named ? strcmp(settings.trace, text) == 0 : settings.trace == NULL);
    free((char *)(uintptr_t)settings.omp_allocator);
    free((char *)(uintptr_t)settings.trace);
    settings.omp_allocator = settings.trace = NULL;
    fuzz_require(unsetenv(name) == 0);
}

/* A file in memory; its path in *path. */
static int file_of(const uint8_t *data, size_t bytes, char path[32])
{
    const int file = memfd_create("fuzz", 0);
    fuzz_require(file >= 0);
    fuzz_require(write(file, data, bytes) == (ssize_t)bytes);
    (void)snprintf(path, 32, "/proc/self/fd/%d", file);
    return file;
}

static void check_digits(const digits *d)
{
    fuzz_require(d->count > 0 && aa_count(&d->images) == d->count * IMAGE_PIXELS);
    const float *const grey = d->images.data;
    for (int64_t i = 0; i < d->count; ++i) {
        fuzz_require(d->labels[i] <= 9);
        fuzz_require(grey[i * IMAGE_PIXELS] >= 0 && grey[i * IMAGE_PIXELS] <= 1);
    }
}

/* Odd: the input is the labels of one good image; even: the images, which one label goes with. */
void fuzz_idx(const uint8_t *data, size_t bytes)
{
    static const uint8_t label[] = {0, 0, 8, 1, 0, 0, 0, 1, 7};
    static const uint8_t image[16 + IMAGE_PIXELS] = {0, 0, 8, 3,  0, 0, 0, 1,
                                                     0, 0, 0, 28, 0, 0, 0, 28};
    if (bytes == 0) {
        return;
    }
    const bool labels = data[0] % 2 != 0;
    char images_path[32], labels_path[32];
    const int images_file = labels ? file_of(image, sizeof image, images_path)
                                   : file_of(data + 1, bytes - 1, images_path);
    const int labels_file = labels ? file_of(data + 1, bytes - 1, labels_path)
                                   : file_of(label, sizeof label, labels_path);
    digits d;
    if (digits_read(&d, images_path, labels_path)) {
        check_digits(&d);
    }
    digits_free(&d);
    (void)close(images_file);
    (void)close(labels_file);
}
