/* Tests of the digits example: its network against PyTorch's outputs, its readers against bad files.
 *
 * DIGITS_DATA_DIR is examples/digits of the source tree.
 */
#include "test_kernels.h"

#include <stdio.h>
#include <unistd.h>

#include "../../examples/digits/idx.h"
#include "../../examples/digits/weights.h"

#define IMAGES DIGITS_DATA_DIR "/data/digits-test-images.idx3-ubyte"
#define LABELS DIGITS_DATA_DIR "/data/digits-test-labels.idx1-ubyte"
#define WEIGHTS DIGITS_DATA_DIR "/weights.bin"
#define EXPECTED DIGITS_DATA_DIR "/data/expected-first32.txt"

static aa_array classify(const digits *d, int64_t count)
{
    model m;
    ck_assert(weights_read(&m, WEIGHTS));
    const aa_array images = aa_wrap(d->images.data, AA_F32, 4, SHAPE(count, 1, 28, 28), NULL);
    const aa_array out = model_classify(&m, &images);
    weights_free(&m);
    return out;
}

START_TEST(the_network_agrees_with_pytorch)
{
    digits d;
    ck_assert(digits_read(&d, IMAGES, LABELS));
    const aa_array out = classify(&d, 32);
    CHECK_SHAPE(&out, 32, 10);
    FILE *const file = fopen(EXPECTED, "r");
    ck_assert_ptr_nonnull(file);
    for (int64_t k = 0; k < 320; ++k) {
        double wanted;
        ck_assert_int_eq(fscanf(file, "%lf", &wanted), 1);
        ck_assert_msg(fabs(get(&out, k) - wanted) < 1e-4, "image %lld, digit %lld: %g, not %g",
                      (long long)k / 10, (long long)k % 10, get(&out, k), wanted);
    }
    (void)fclose(file);
}
END_TEST

START_TEST(at_least_97_of_100_digits_are_recognised)
{
    digits d;
    ck_assert(digits_read(&d, IMAGES, LABELS));
    const aa_array out = classify(&d, d.count);
    int64_t right = 0;
    for (int64_t k = 0; k < d.count; ++k) {
        int64_t best = 0;
        for (int64_t digit = 1; digit < 10; ++digit) {
            best = get(&out, 10 * k + digit) > get(&out, 10 * k + best) ? digit : best;
        }
        right += best == d.labels[k] ? 1 : 0;
    }
    ck_assert_int_eq(d.count, 1000);
    ck_assert_int_ge(right, 970);
}
END_TEST

/* ---- bad files ------------------------------------------------------------------------------------- */

/* A copy of a file, to be changed before it is read. */
typedef struct trial {
    char path[64];
    unsigned char *bytes;
    size_t count;
} trial;

static trial trial_of(const char *path)
{
    trial t = {.path = "/tmp/aa-digits-XXXXXX"};
    FILE *const from = fopen(path, "rb");
    ck_assert_ptr_nonnull(from);
    t.bytes = malloc(1 << 20);
    ck_assert_ptr_nonnull(t.bytes);
    t.count = fread(t.bytes, 1, 1 << 20, from);
    (void)fclose(from);
    return t;
}

static void write_trial(trial *t)
{
    const int descriptor = mkstemp(t->path);
    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(write(descriptor, t->bytes, t->count), (ssize_t)t->count);
    (void)close(descriptor);
}

typedef enum role { AS_IMAGES, AS_LABELS, AS_WEIGHTS } role;

static bool read_as(role what, const char *path)
{
    digits d;
    model m;
    if (what == AS_WEIGHTS) {
        return weights_read(&m, path);
    }
    return digits_read(&d, what == AS_IMAGES ? path : IMAGES, what == AS_LABELS ? path : LABELS);
}

/* Read a path with stderr caught; it must be refused, with this text. */
static void check_complaint(role what, const char *path, const char *text)
{
    char said[512] = "";
    FILE *const catcher = tmpfile();
    const int kept = dup(STDERR_FILENO);
    (void)fflush(stderr);
    ck_assert_int_ge(dup2(fileno(catcher), STDERR_FILENO), 0);
    const bool accepted = read_as(what, path);
    (void)fflush(stderr);
    (void)dup2(kept, STDERR_FILENO);
    (void)close(kept);
    rewind(catcher);
    const size_t count = fread(said, 1, sizeof said - 1, catcher);
    said[count] = '\0';
    (void)fclose(catcher);
    ck_assert_msg(!accepted, "%s was accepted", path);
    ck_assert_msg(strncmp(said, "digits: ", 8) == 0 && strstr(said, path) != NULL &&
                      strstr(said, text) != NULL,
                  "'%s' lacks '%s' or the path", said, text);
}

static void check_trial(role what, trial *t, const char *text)
{
    write_trial(t);
    check_complaint(what, t->path, text);
    (void)unlink(t->path);
    free(t->bytes);
}

START_TEST(a_file_that_is_not_there_or_is_a_folder_is_named)
{
    for (int what = AS_IMAGES; what <= AS_WEIGHTS; ++what) {
        check_complaint((role)what, "/nowhere/digits", "cannot read");
        check_complaint((role)what, "/tmp", "cannot read");
        check_complaint((role)what, "/dev/null", what == AS_WEIGHTS ? "weights" : "truncated");
    }
}
END_TEST

START_TEST(a_wrong_magic_is_named)
{
    trial images = trial_of(LABELS), labels = trial_of(IMAGES), weights = trial_of(IMAGES);
    check_trial(AS_IMAGES, &images, "magic 0x00000801, not 0x00000803");
    check_trial(AS_LABELS, &labels, "magic 0x00000803, not 0x00000801");
    check_trial(AS_WEIGHTS, &weights, "AADIGIT1");
}
END_TEST

START_TEST(a_compressed_file_is_recognised)
{
    trial t = trial_of(IMAGES);
    t.bytes[0] = 0x1f;
    t.bytes[1] = 0x8b;
    check_trial(AS_IMAGES, &t, "gzip");
}
END_TEST

START_TEST(a_truncated_file_is_recognised_wherever_it_ends)
{
    static const size_t ends[] = {1, 3, 4, 7, 8, 15, 16, 17, 784015};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; ++i) {
        trial t = trial_of(IMAGES);
        t.count = ends[i];
        check_trial(AS_IMAGES, &t, "truncated");
    }
    static const size_t label_ends[] = {2, 5, 8, 1007};
    for (size_t i = 0; i < sizeof label_ends / sizeof label_ends[0]; ++i) {
        trial t = trial_of(LABELS);
        t.count = label_ends[i];
        check_trial(AS_LABELS, &t, "truncated");
    }
}
END_TEST

START_TEST(bytes_after_the_last_image_are_refused)
{
    trial t = trial_of(IMAGES);
    t.count += 5;
    check_trial(AS_IMAGES, &t, "5 bytes follow");
}
END_TEST

START_TEST(images_of_another_size_are_refused)
{
    trial t = trial_of(IMAGES);
    t.bytes[11] = 32;
    check_trial(AS_IMAGES, &t, "32 x 28");
}
END_TEST

START_TEST(counts_that_differ_are_named)
{
    trial t = trial_of(LABELS);
    t.bytes[6] = 3;
    t.bytes[7] = 0xe7;
    t.count = 8 + 999;
    check_trial(AS_LABELS, &t, "999 labels");
    trial none = trial_of(IMAGES);
    memset(none.bytes + 4, 0, 4);
    check_trial(AS_IMAGES, &none, "no digits");
}
END_TEST

START_TEST(a_label_above_9_is_refused)
{
    trial t = trial_of(LABELS);
    t.bytes[8 + 41] = 10;
    check_trial(AS_LABELS, &t, "label number 42 is 10");
}
END_TEST

START_TEST(one_changed_bit_of_the_weights_is_noticed)
{
    trial damaged = trial_of(WEIGHTS), cut = trial_of(WEIGHTS), stub = trial_of(WEIGHTS);
    damaged.bytes[5000] ^= 1;
    check_trial(AS_WEIGHTS, &damaged, "CRC-32");
    cut.count -= 100;
    check_trial(AS_WEIGHTS, &cut, "CRC-32");
    stub.count = 10;
    check_trial(AS_WEIGHTS, &stub, "truncated");
}
END_TEST

/* Make the file's last four bytes the CRC-32 of the others. */
static void seal(trial *t)
{
    uint32_t crc = 0xFFFFFFFFU;
    for (size_t bit = 0; bit < 8 * (t->count - 4); ++bit) {
        const uint32_t in = (uint32_t)(t->bytes[bit / 8] >> (bit % 8)) & 1U;
        crc = (crc >> 1) ^ (((crc ^ in) & 1U) != 0 ? 0xEDB88320U : 0);
    }
    for (int byte = 0; byte < 4; ++byte) {
        t->bytes[t->count - 4 + (size_t)byte] = (unsigned char)(~crc >> (8 * byte));
    }
}

START_TEST(the_weights_of_another_network_are_refused)
{
    /* The header has 12 bytes; the first tensor is conv1.w, ndim 4, extents 32, 1, 3, 3. */
    static const struct {
        size_t at;
        unsigned char byte;
        const char *text;
    } changes[] = {{8, 13, "13 tensors"},          {8, 15, "15 tensors"},
                   {12, 'x', "not one of"},        {12 + 16, 3, "another shape"},
                   {12 + 20, 33, "another shape"}, {12 + 20 + 3, 255, "another shape"}};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; ++i) {
        trial t = trial_of(WEIGHTS);
        t.bytes[changes[i].at] = changes[i].byte;
        seal(&t);
        check_trial(AS_WEIGHTS, &t, changes[i].text);
    }
    trial cut = trial_of(WEIGHTS), grown = trial_of(WEIGHTS);
    cut.count -= 4;
    seal(&cut);
    check_trial(AS_WEIGHTS, &cut, "truncated");
    grown.count += 4;
    seal(&grown);
    check_trial(AS_WEIGHTS, &grown, "bytes are left");
}
END_TEST

AA_TEST_MAIN("kernels: digits", AA_TEST(the_network_agrees_with_pytorch),
             AA_TEST(at_least_97_of_100_digits_are_recognised),
             AA_TEST(a_file_that_is_not_there_or_is_a_folder_is_named),
             AA_TEST(a_wrong_magic_is_named), AA_TEST(a_compressed_file_is_recognised),
             AA_TEST(a_truncated_file_is_recognised_wherever_it_ends),
             AA_TEST(bytes_after_the_last_image_are_refused),
             AA_TEST(images_of_another_size_are_refused), AA_TEST(counts_that_differ_are_named),
             AA_TEST(a_label_above_9_is_refused),
             AA_TEST(one_changed_bit_of_the_weights_is_noticed),
             AA_TEST(the_weights_of_another_network_are_refused))
