/* Sort: SIZE numbers by quicksort, each half a task of its own. A part is split into a temporary of its size, smaller
 * numbers first, and copied back; the temporary is gone before tasks are made of the halves.
 *
 * A task sees the scope of the thread that runs it, not of the one that made it, so the scope goes with it as a token.
 */
#include "loops.h"

#include <stdint.h>

enum { BY_HAND = 64, ALONE = 4096 }; /* numbers: below, insertion; below, no task */

typedef struct numbers {
    size_t count;
    uint32_t *given, *sorted;
    uint64_t sum;
} numbers;

static void insert(uint32_t *v, size_t n)
{
    for (size_t i = 1; i < n; ++i) {
        const uint32_t x = v[i];
        size_t j = i;
        for (; j > 0 && v[j - 1] > x; --j) {
            v[j] = v[j - 1];
        }
        v[j] = x;
    }
}

static uint32_t middle(uint32_t a, uint32_t b, uint32_t c)
{
    const uint32_t low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

/* Smaller than the pivot, equal, larger: through `t`. Where the equal ones begin and end. */
static void split_through(uint32_t *v, size_t n, uint32_t *t, size_t *low, size_t *high)
{
    const uint32_t pivot = middle(v[0], v[n / 2], v[n - 1]);
    size_t less = 0, more = n;
    for (size_t i = 0; i < n; ++i) {
        if (v[i] < pivot) {
            t[less++] = v[i];
        } else if (v[i] > pivot) {
            t[--more] = v[i];
        }
    }
    for (size_t i = less; i < more; ++i) {
        t[i] = pivot;
    }
    memcpy(v, t, n * sizeof *v);
    *low = less;
    *high = more;
}

static bool split(source from, uint32_t *v, size_t n, size_t *low, size_t *high)
{
    bool good = false;
    if (from == BY_MALLOC) {
        uint32_t *const t = malloc(n * sizeof *t);
        good = t != NULL;
        if (good) {
            split_through(v, n, t, low, high);
        }
        free(t);
        return good;
    }
    AA_SCRATCH(AA_CURRENT) {
        uint32_t *const t = aa_alloc(AA_CURRENT, n * sizeof *t);
        good = t != NULL;
        if (good) {
            split_through(v, n, t, low, high);
        }
    }
    return good;
}

static void sort(source from, uint32_t *v, size_t n, aa_token scope, bool *failed)
{
    size_t low, high;
    if (n < BY_HAND) {
        insert(v, n);
        return;
    }
    if (!split(from, v, n, &low, &high)) {
        __atomic_store_n(failed, true, __ATOMIC_RELAXED);
        return;
    }
#pragma omp task default(none) firstprivate(from, v, low, scope, failed) if (low >= ALONE)
    AA_TASK(scope) {
        sort(from, v, low, scope, failed);
    }
    sort(from, v + high, n - high, scope, failed);
}

static bool run(source from, void *work)
{
    numbers *const w = work;
    memcpy(w->sorted, w->given, w->count * sizeof *w->given);
    bool failed = false;
#pragma omp parallel
#pragma omp single
    sort(from, w->sorted, w->count, aa_scope_capture(),
         &failed); /* its tasks end with the region */
    uint64_t sum = w->sorted[0];
    bool rises = true;
    for (size_t i = 1; i < w->count; ++i) {
        rises = rises && w->sorted[i - 1] <= w->sorted[i];
        sum += w->sorted[i];
    }
    return !failed && rises && sum == w->sum;
}

int main(int count, char **arguments)
{
    numbers w = {.count = (size_t)size_argument(count, arguments, 500000, 1, 1000000000)};
    w.given = malloc(w.count * sizeof *w.given);
    w.sorted = malloc(w.count * sizeof *w.sorted);
    aa_allocator *const allocator = aa_private_create(&(aa_options){.name = "private"});
    bool good = w.given != NULL && w.sorted != NULL && allocator != NULL;
    uint32_t x = 1;
    for (size_t i = 0; good && i < w.count; ++i) {
        x = x * 1664525 + 1013904223;
        w.given[i] = x >> 8;
        w.sum += w.given[i];
    }
    good = good && compare("sort", allocator, run, &w);
    free(w.sorted);
    free(w.given);
    return aa_destroy(allocator) == AA_OK && good ? EXIT_SUCCESS : EXIT_FAILURE;
}
