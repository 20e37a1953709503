/* Runs fuzzed functions on files, without a fuzzer: `replay [TARGET FILE...]`, else the whole corpus. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 16 };

static const struct {
    const char *name;
    fuzz_target *run;
} targets[] = {
    {"model", fuzz_model}, {"traits", fuzz_traits}, {"settings", fuzz_settings}, {"idx", fuzz_idx}};

static void replay_file(fuzz_target *run, const char *path)
{
    static uint8_t data[MOST];
    FILE *const file = fopen(path, "rb");
    if (file == NULL) {
        (void)fprintf(stderr, "replay: cannot read %s\n", path);
        exit(EXIT_FAILURE);
    }
    const size_t bytes = fread(data, 1, sizeof data, file);
    (void)fclose(file);
    run(data, bytes);
}

static int replay_folder(fuzz_target *run, const char *folder)
{
    DIR *const entries = opendir(folder);
    int count = 0;
    for (const struct dirent *entry = NULL;
         entries != NULL && (entry = readdir(entries)) != NULL;) {
        char path[4096];
        if (entry->d_name[0] != '.') {
            (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
            replay_file(run, path);
            ++count;
        }
    }
    if (entries != NULL) {
        (void)closedir(entries);
    }
    return count;
}

static int replay_corpus(const char *corpus)
{
    int all = 0;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; ++i) {
        char folder[2048];
        (void)snprintf(folder, sizeof folder, "%s/%s", corpus, targets[i].name);
        const int count = replay_folder(targets[i].run, folder);
        if (count == 0) {
            (void)fprintf(stderr, "replay: no input in %s\n", folder);
            return EXIT_FAILURE;
        }
        all += count;
    }
    printf("replay: %d inputs, none fails\n", all);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    if (argc == 1) {
        const char *const corpus = getenv("FUZZ_CORPUS");
        return replay_corpus(corpus != NULL ? corpus : FUZZ_CORPUS);
    }
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; ++i) {
        if (strcmp(targets[i].name, argv[1]) == 0) {
            for (int k = 2; k < argc; ++k) {
                replay_file(targets[i].run, argv[k]);
            }
            return EXIT_SUCCESS;
        }
    }
    (void)fprintf(stderr, "replay: no target %s\n", argv[1]);
    return 2;
}
