/* Kernels: non-maximum suppression: of boxes that overlap, the one with the best score is kept.
 *
 * It cannot tell classes apart: give it the boxes of one class.
 *
 * How many are kept is known at the end, and the result must be allocated after the workspace is freed
 * (so that a bump allocator takes that back). So the first STASH of them wait on the stack; when there
 * are more, all is done again, into the result.
 *
 *     work   | order: n indices, by falling score | struck: n flags; while sorting: the other half |
 */
#include "kernel.h"

#include <string.h>

enum { STASH = 512, BOX_COST = 8 };

/* One call under way; steps in bytes, but corner_step in elements. */
typedef struct boxes {
    int64_t count;
    const char *corner, *score;
    int64_t box_step, corner_step, score_step;
    double threshold;
    int64_t *order, *struck;
} boxes;

#include "as_f32.h"
#include "nms.inc"

#include "as_f64.h"
#include "nms.inc"

typedef bool comes_first(const boxes *b, int64_t i, int64_t j);

/* Merge two sorted neighbours, [0, middle) and [middle, end), of `from` to `to`; equals keep their order. */
static void merge(const boxes *b, comes_first *first, const int64_t *from, int64_t *to,
                  int64_t middle, int64_t end)
{
    int64_t left = 0, right = middle;
    for (int64_t i = 0; i < end; ++i) {
        const bool take_right =
            right < end && (left == middle || first(b, from[right], from[left]));
        to[i] = take_right ? from[right] : from[left];
        right += take_right ? 1 : 0;
        left += take_right ? 0 : 1;
    }
}

/* Sort the order by merging runs of 1, 2, 4, ... back and forth between the halves of the workspace. */
static void sort(boxes *b, comes_first *first)
{
    int64_t *from = b->order, *to = b->struck;
    for (int64_t i = 0; i < b->count; ++i) {
        from[i] = i;
    }
    for (int64_t run = 1; run < b->count; run *= 2) {
        for (int64_t at = 0; at < b->count; at += 2 * run) {
            const int64_t rest = b->count - at;
            merge(b, first, from + at, to + at, run < rest ? run : rest,
                  2 * run < rest ? 2 * run : rest);
        }
        int64_t *const sorted = to;
        to = from;
        from = sorted;
    }
    b->order = from;
    b->struck = to;
}

/* Write the indices of the first `room` boxes that are kept, and count all. */
static aa_status select_boxes(const aai_kernel_use *use, boxes b, int64_t *kept, int64_t room,
                              int64_t *count)
{
    const bool f64 = use->array[0]->dtype == AA_F64;
    aa_array work = aa_similar_as(use->array[0], AA_I64, 2, (const int64_t[]){2, b.count});
    if (aa_is_null(&work)) {
        return aa_last_status();
    }
    b.order = work.data;
    b.struck = b.order + b.count;
    sort(&b, f64 ? comes_first_f64 : comes_first_f32);
    memset(b.struck, 0, (size_t)b.count * sizeof *b.struck);
    *count = 0;
    for (int64_t rank = 0; rank < b.count; ++rank) {
        if (b.struck[rank] != 0) {
            continue;
        }
        if (*count < room) {
            kept[*count] = b.order[rank];
        }
        *count += 1;
        (f64 ? strike_f64 : strike_f32)(&b, rank);
    }
    aai_kernel_drop(&work);
    return AA_OK;
}

static aa_array suppress(const aai_kernel_use *use, const boxes *b)
{
    const aa_array *const corners = use->array[0];
    int64_t stash[STASH], count = 0;
    aa_array out = aai_kernel_null();
    if (select_boxes(use, *b, stash, STASH, &count) == AA_OK) {
        out = aa_similar_as(corners, AA_I64, 1, &count);
    }
    if (aa_is_null(&out)) {
        return out;
    }
    if (count <= STASH) {
        memcpy(out.data, stash, (size_t)count * sizeof stash[0]);
    } else if (select_boxes(use, *b, out.data, count, &count) != AA_OK) {
        aai_kernel_drop(&out);
    }
    return out;
}

static aa_status check_boxes(const aai_kernel_use *use, double threshold)
{
    const aa_array *const corners = use->array[0], *const scores = use->array[1];
    if (corners->ndim != 2 || corners->shape[1] != 4 || scores->ndim != 1 ||
        scores->shape[0] != corners->shape[0]) {
        return aai_kernel_mismatch(use, corners, scores,
                                   "do not go together: (n, 4) and (n) are wanted");
    }
    if (!(threshold >= 0 && threshold <= 1)) {
        return aai_fail(AA_INVALID, "%s: a threshold of %g for shape %s: 0 to 1 is wanted",
                        use->function, threshold, aai_kernel_shape(corners).text);
    }
    return AA_OK;
}

aa_array aa_nms(const aa_array *corners, const aa_array *scores, double threshold)
{
    aai_kernel_use use;
    aa_array out = aai_kernel_null();
    if (aai_kernel_borrow(&use, "aa_nms", 2, (const aa_array *const[]){corners, scores}) != AA_OK) {
        return out;
    }
    if (check_boxes(&use, threshold) == AA_OK) {
        const int64_t size = (int64_t)aa_dtype_size(corners->dtype);
        const boxes b = {.count = corners->shape[0],
                         .corner = use.at[0],
                         .score = use.at[1],
                         .box_step = aai_kernel_stride(corners, 0) * size,
                         .corner_step = corners->strides[1],
                         .score_step = aai_kernel_stride(scores, 0) * size,
                         .threshold = threshold};
        out = suppress(&use, &b);
    }
    aai_kernel_return(&use);
    return out;
}
