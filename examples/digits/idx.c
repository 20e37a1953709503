/* Digits: images and their labels from files in the IDX format of the MNIST database.
 *
 * An IDX file of bytes: magic 0x0000080N, N extents of 32 bits (all big-endian), then the bytes.
 *
 * It cannot read other element types, other image sizes, or compressed files; it says so.
 */
#include "idx.h"

#include "file.h"

#include <stdlib.h>

enum { MAGIC_LABELS = 0x801, MAGIC_IMAGES = 0x803 };

static uint32_t big_endian(const unsigned char *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static bool check_magic(const contents *f, const char *what, uint32_t magic)
{
    if (f->count >= 2 && f->bytes[0] == 0x1f && f->bytes[1] == 0x8b) {
        return complain("%s: compressed by gzip: unpack it first", f->path);
    }
    if (f->count < 4) {
        return complain("%s: truncated: no room for a magic number", f->path);
    }
    const uint32_t found = big_endian(f->bytes);
    return found == magic || complain("%s: not an IDX file of %s: magic 0x%08x, not 0x%08x",
                                      f->path, what, found, magic);
}

/* Verify that `each` bytes for each of the promised count follow a header; returns the count in *count. */
static bool check_length(const contents *f, size_t header, uint64_t each, int64_t *count)
{
    if (f->count < header) {
        return complain("%s: truncated inside the header", f->path);
    }
    const uint64_t promised = big_endian(f->bytes + 4), body = f->count - header;
    if (promised == 0) {
        return complain("%s: holds no digits", f->path);
    }
    if (body < promised * each) {
        return complain("%s: truncated: %llu bytes follow the header, which promises %llu", f->path,
                        (unsigned long long)body, (unsigned long long)(promised * each));
    }
    *count = (int64_t)promised;
    return body == promised * each ||
           complain("%s: %llu bytes follow what the header promises", f->path,
                    (unsigned long long)(body - promised * each));
}

static bool read_images(digits *d, const contents *f)
{
    enum { HEADER = 16 };
    if (!check_magic(f, "images", MAGIC_IMAGES)) {
        return false;
    }
    if (f->count >= HEADER) {
        const uint32_t rows = big_endian(f->bytes + 8), columns = big_endian(f->bytes + 12);
        if (rows != IMAGE_SIDE || columns != IMAGE_SIDE) {
            return complain("%s: images of %u x %u, but the network reads %d x %d", f->path, rows,
                            columns, IMAGE_SIDE, IMAGE_SIDE);
        }
    }
    if (!check_length(f, HEADER, IMAGE_PIXELS, &d->count)) {
        return false;
    }
    const int64_t shape[] = {d->count, 1, IMAGE_SIDE, IMAGE_SIDE};
    d->images = aa_empty(aa_heap(), AA_F32, 4, shape);
    if (aa_is_null(&d->images)) {
        return complain("%s: %s", f->path, aa_last_message());
    }
    float *const grey = d->images.data;
    for (int64_t k = 0; k < d->count * IMAGE_PIXELS; ++k) {
        grey[k] = (float)f->bytes[HEADER + k] / 255.0F;
    }
    return true;
}

static bool read_labels(digits *d, const contents *f, const char *images_path)
{
    enum { HEADER = 8 };
    int64_t count;
    if (!check_magic(f, "labels", MAGIC_LABELS) || !check_length(f, HEADER, 1, &count)) {
        return false;
    }
    if (count != d->count) {
        return complain("%s: %lld labels, but %s holds %lld images", f->path, (long long)count,
                        images_path, (long long)d->count);
    }
    d->labels = malloc((size_t)count);
    if (d->labels == NULL) {
        return complain("%s: no memory for %lld labels", f->path, (long long)count);
    }
    for (int64_t k = 0; k < count; ++k) {
        d->labels[k] = f->bytes[HEADER + k];
        if (d->labels[k] > 9) {
            return complain("%s: label number %lld is %d, not a digit", f->path, (long long)k + 1,
                            d->labels[k]);
        }
    }
    return true;
}

bool digits_read(digits *d, const char *images_path, const char *labels_path)
{
    contents f;
    *d = (digits){0};
    if (!file_read(&f, images_path)) {
        return false;
    }
    bool done = read_images(d, &f);
    file_close(&f);
    if (done && file_read(&f, labels_path)) {
        done = read_labels(d, &f, images_path);
        file_close(&f);
    } else {
        done = false;
    }
    if (!done) {
        digits_free(d);
    }
    return done;
}

void digits_free(digits *d)
{
    free(d->labels);
    d->labels = NULL;
    (void)aa_array_free(&d->images);
}
