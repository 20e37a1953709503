/* Digits: the trained weights, from a file in the format that README.md describes.
 *
 * It cannot read a file for another network: names and shapes must be those of MODEL_TENSORS.
 *
 * Invariant: nothing is believed before the CRC-32 of the whole file is right, and still every length is
 * compared with what is left: next <= end.
 */
#include "weights.h"

#include "file.h"

#include <string.h>

enum { NAME_BYTES = 16, CRC_BYTES = 4 };
static const char MAGIC[] = "AADIGIT1";

typedef struct expected {
    const char *name;
    int ndim;
    int64_t shape[4];
} expected;

static const expected tensors[TENSORS] = {
#define MODEL_ROW(text, name, ndim, ...) [name] = {text, ndim, {__VA_ARGS__}},
    MODEL_TENSORS(MODEL_ROW)
#undef MODEL_ROW
};

/* What is left to read. */
typedef struct reader {
    const char *path;
    const unsigned char *next, *end;
} reader;

static uint32_t little_endian(const unsigned char *b)
{
    return (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
}

/* CRC-32 as zlib has it: polynomial 0xEDB88320, reflected, inverted before and after. */
static uint32_t crc32_of(const unsigned char *bytes, size_t count)
{
    uint32_t crc = 0xFFFFFFFFU;
    for (size_t i = 0; i < count; ++i) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0);
        }
    }
    return ~crc;
}

/* Step over `count` bytes; NULL after a complaint when fewer are left. */
static const unsigned char *take(reader *r, size_t count)
{
    if ((size_t)(r->end - r->next) < count) {
        (void)complain("%s: truncated inside a tensor", r->path);
        return NULL;
    }
    const unsigned char *const taken = r->next;
    r->next += count;
    return taken;
}

static int find_tensor(const unsigned char *name)
{
    for (int t = 0; t < TENSORS; ++t) {
        if (strncmp((const char *)name, tensors[t].name, NAME_BYTES) == 0) {
            return t;
        }
    }
    return -1;
}

/* Read ndim and extents; false when they are not those expected. */
static bool check_shape(reader *r, const expected *e)
{
    const unsigned char *const ndim = take(r, 4);
    if (ndim == NULL) {
        return false;
    }
    bool same = little_endian(ndim) == (uint32_t)e->ndim;
    for (int axis = 0; same && axis < e->ndim; ++axis) {
        const unsigned char *const extent = take(r, 4);
        if (extent == NULL) {
            return false;
        }
        same = little_endian(extent) == e->shape[axis];
    }
    return same || complain("%s: tensor %s has another shape than the network's", r->path, e->name);
}

static bool read_values(reader *r, aa_array *array)
{
    const int64_t count = aa_count(array);
    const unsigned char *const bytes = take(r, 4 * (size_t)count);
    if (bytes == NULL) {
        return false;
    }
    float *const values = array->data;
    for (int64_t k = 0; k < count; ++k) {
        const uint32_t bits = little_endian(bytes + 4 * k);
        memcpy(&values[k], &bits, sizeof bits);
    }
    return true;
}

static bool read_tensor(reader *r, model *m)
{
    const unsigned char *const name = take(r, NAME_BYTES);
    if (name == NULL) {
        return false;
    }
    const int t = find_tensor(name);
    if (t < 0 || !aa_is_null(&m->tensor[t])) {
        return complain("%s: tensor '%.16s' is %s", r->path, (const char *)name,
                        t < 0 ? "not one of this network" : "there twice");
    }
    if (!check_shape(r, &tensors[t])) {
        return false;
    }
    m->tensor[t] = aa_empty(aa_heap(), AA_F32, tensors[t].ndim, tensors[t].shape);
    if (aa_is_null(&m->tensor[t])) {
        return complain("%s: %s", r->path, aa_last_message());
    }
    return read_values(r, &m->tensor[t]);
}

static bool read_model(model *m, const contents *f)
{
    const size_t magic = sizeof MAGIC - 1;
    if (f->count < magic || memcmp(f->bytes, MAGIC, magic) != 0) {
        return complain("%s: not a file of weights: it does not begin with %s", f->path, MAGIC);
    }
    if (f->count < magic + 4 + CRC_BYTES) {
        return complain("%s: truncated", f->path);
    }
    reader r = {f->path, f->bytes + magic, f->bytes + f->count - CRC_BYTES};
    const uint32_t wanted = little_endian(r.end), found = crc32_of(f->bytes, f->count - CRC_BYTES);
    if (found != wanted) {
        return complain("%s: damaged or truncated: CRC-32 %08x, not %08x", f->path, found, wanted);
    }
    const uint32_t count = little_endian(take(&r, 4));
    if (count != TENSORS) {
        return complain("%s: %u tensors, but the network has %d", f->path, count, TENSORS);
    }
    for (int i = 0; i < TENSORS; ++i) {
        if (!read_tensor(&r, m)) {
            return false;
        }
    }
    return r.next == r.end || complain("%s: bytes are left after the last tensor", f->path);
}

bool weights_read(model *m, const char *path)
{
    contents f;
    *m = (model){0};
    if (!file_read(&f, path)) {
        return false;
    }
    const bool done = read_model(m, &f);
    file_close(&f);
    if (!done) {
        weights_free(m);
    }
    return done;
}

void weights_free(model *m)
{
    for (int t = 0; t < TENSORS; ++t) {
        (void)aa_array_free(&m->tensor[t]);
    }
}
