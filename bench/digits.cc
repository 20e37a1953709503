/* Bench: the program "digits": the network of examples/digits over its 1,000 images, by allocator ("digits", a
 * process per sample), and kernels on checked arrays against the same on unchecked ones ("kernels"). */
#include "stream.h"
#include "subjects.h"

#include <algorithm>
#include <allocarrays/kernels.h>
#include <cstdio>
#include <cstring>
#include <vector>

extern "C" {
#include "examples/digits/idx.h"
#include "examples/digits/model.h"
#include "examples/digits/weights.h"
}

using namespace bench;

namespace
{

enum { BATCH = 32 };

/* ---- every buffer planned ahead: the limit ------------------------------------------------------------------- */

/* A batch asks for the same arrays in the same order each time: the first run plans a buffer for each request,
 * later ones are given the planned buffers. Serial: the network allocates outside its regions. */
struct planned {
    struct piece {
        void *memory;
        size_t bytes;
    };
    std::vector<piece> pieces;
    size_t next = 0;

    static void *take(void *state, size_t bytes, size_t alignment)
    {
        auto *const self = static_cast<planned *>(state);
        if (aa_in_parallel()) {
            die("a planned buffer was asked for inside a region");
        }
        if (self->next == self->pieces.size()) {
            const size_t rounded = (bytes + alignment - 1) / alignment * alignment;
            self->pieces.push_back({aligned_alloc(alignment, rounded), rounded});
        }
        const piece &p = self->pieces[self->next++];
        return p.bytes >= bytes ? p.memory : nullptr;
    }
    static aa_status back(void *state)
    {
        static_cast<planned *>(state)->next = 0;
        return AA_OK;
    }
    ~planned()
    {
        for (const piece &p : pieces) {
            free(p.memory);
        }
    }
};

owned make_planned(planned &p)
{
    aa_allocator_ops ops = {};
    ops.size = sizeof ops;
    ops.alloc = planned::take;
    ops.reset = planned::back;
    return owned(must(aa_custom_create(&ops, &p, nullptr)));
}

/* ---- the network ------------------------------------------------------------------------------------------------ */

struct loaded {
    digits images = {};
    model weights = {};
    loaded()
    {
        if (!digits_read(&images, DIGITS_DATA_DIR "/data/digits-test-images.idx3-ubyte",
                         DIGITS_DATA_DIR "/data/digits-test-labels.idx1-ubyte") ||
            !weights_read(&weights, DIGITS_DATA_DIR "/weights.bin")) {
            die("the digits' files");
        }
    }
};

const loaded &files()
{
    static const loaded all;
    return all;
}

model bound(const model &m, aa_allocator *handle)
{
    model made = {};
    std::transform(std::begin(m.tensor), std::end(m.tensor), std::begin(made.tensor),
                   [handle](const aa_array &t) { return aa_bind(&t, handle); });
    return made;
}

int right(const float *probabilities, const unsigned char *labels, int64_t count)
{
    int all = 0;
    for (int64_t i = 0; i < count; ++i) {
        const float *const row = probabilities + i * CLASSES;
        all += std::max_element(row, row + CLASSES) - row == labels[i] ? 1 : 0;
    }
    return all;
}

/* One batch: classify in the scope, count, take all back. */
int run_batch(aa_allocator *a, const model &m, int64_t first, int64_t count, bool checked)
{
    const digits &d = files().images;
    const int64_t shape[] = {count, 1, IMAGE_SIDE, IMAGE_SIDE};
    float *const from = static_cast<float *>(d.images.data) + first * IMAGE_PIXELS;
    const aa_array wrapped = aa_wrap(from, AA_F32, 4, shape, nullptr);
    const aa_array images = checked ? aa_checked(&wrapped) : wrapped;
    int good = 0;
    AA_WITH(a) {
        aa_array out = model_classify(&m, &images);
        if (aa_is_null(&out)) {
            die("model_classify");
        }
        good = right(static_cast<const float *>(aa_data(&out)), d.labels + first, count);
        (void)aa_array_free(&out);
    }
    if (a != aa_heap()) {
        reset(a);
    }
    return good;
}

enum : unsigned { PLAIN = 0, WEIGHTS_ON_HEAP = 1, CHECKED = 2 };

void run_digits(benchmark::State &state, aa_allocator *a, unsigned flags)
{
    const int64_t all = files().images.count;
    const model m = bound(files().weights, (flags & WEIGHTS_ON_HEAP) != 0 ? aa_heap() : AA_CURRENT);
    int good = 0;
    measure(state, 1, [&] {
        return seconds([&] {
            good = 0;
            for (int64_t first = 0; first < all; first += BATCH) {
                good += run_batch(a, m, first, std::min<int64_t>(BATCH, all - first),
                                  (flags & CHECKED) != 0);
            }
        });
    });
    note(state, "right", good);
}

void add_digits()
{
    const std::string name = "digits/1,000 images in batches of 32/";
    add(name + "buffers planned ahead", role::limit, [](benchmark::State &state) {
        planned p;
        const owned a = make_planned(p);
        run_digits(state, a.get(), PLAIN);
    });
    const auto row = [&](const char *subject, owned (*create)(), role what, unsigned flags) {
        add(name + subject, what, [create, flags](benchmark::State &state) {
            const owned a = create();
            run_digits(state, a.get(), flags);
        });
    };
    row("shared", make_shared, role::ours, PLAIN);
    row("private", make_private, role::ours, PLAIN);
    row("shared, checked arrays", make_shared, role::note, CHECKED);
    row("shared, weights on the heap", make_shared, role::note, WEIGHTS_ON_HEAP);
    add(name + "malloc", role::peer,
        [](benchmark::State &state) { run_digits(state, aa_heap(), PLAIN); });
}

/* ---- where a batch's time goes ------------------------------------------------------------------------------------ */

aa_array first_images()
{
    const int64_t shape[] = {BATCH, 1, IMAGE_SIDE, IMAGE_SIDE};
    return aa_wrap(files().images.images.data, AA_F32, 4, shape, nullptr);
}

/* One layer, its input made beforehand; what it makes is taken back each time. */
void run_layer(benchmark::State &state, int layer)
{
    const owned inputs = make_arena(), a = make_shared();
    const model m = bound(files().weights, AA_CURRENT);
    aa_array x = first_images();
    AA_WITH(inputs.get()) {
        for (int i = 0; i < layer; ++i) {
            x = model_layer(&m, i, &x);
        }
    }
    measure(state, 1, [&] {
        return seconds([&] {
            AA_WITH(a.get()) {
                const aa_array made = model_layer(&m, layer, &x);
                if (aa_is_null(&made)) {
                    die("model_layer");
                }
            }
            reset(a.get());
        });
    });
}

/* What a batch asks for, asked again without the arithmetic: the sizes are those of a recorded batch. */
void run_requests(benchmark::State &state)
{
    planned p;
    const owned recorder = make_planned(p), a = make_shared();
    (void)run_batch(recorder.get(), bound(files().weights, AA_CURRENT), 0, BATCH, false);
    std::vector<int64_t> sizes;
    for (const planned::piece &piece : p.pieces) {
        sizes.push_back(static_cast<int64_t>(piece.bytes));
    }
    measure(state, 1, [&] {
        return seconds([&] {
            AA_WITH(a.get()) {
                for (const int64_t bytes : sizes) {
                    const aa_array made = aa_empty(AA_CURRENT, AA_U8, 1, &bytes);
                    if (aa_is_null(&made)) {
                        die("aa_empty");
                    }
                }
            }
            reset(a.get());
        });
    });
    note(state, "requests", static_cast<double>(sizes.size()));
}

void add_layers()
{
    const std::string name = "layers/a batch of 32 digits/";
    add(name + "the whole batch", role::limit, [](benchmark::State &state) {
        const owned a = make_shared();
        const model m = bound(files().weights, AA_CURRENT);
        measure(state, 1,
                [&] { return seconds([&] { (void)run_batch(a.get(), m, 0, BATCH, false); }); });
    });
    for (int i = 0; i < model_layers(); ++i) {
        add(name + std::to_string(i) + " " + model_layer_name(i), role::note,
            [i](benchmark::State &state) { run_layer(state, i); });
    }
    add(name + "its requests and the reset alone", role::ours, run_requests);
}

/* ---- kernels on checked arrays ---------------------------------------------------------------------------------- */

using kernel = aa_status (*)(aa_array *out, const aa_array *a);

aa_status add_twice(aa_array *out, const aa_array *a)
{
    return aa_add_into(out, a, a);
}

void run_kernel(benchmark::State &state, int64_t count, bool checked, kernel f)
{
    const owned a = make_arena();
    const aa_array plain[] = {aa_zeros(a.get(), AA_F64, 1, &count),
                              aa_zeros(a.get(), AA_F64, 1, &count)};
    const aa_array from = checked ? aa_checked(&plain[0]) : plain[0];
    aa_array to = checked ? aa_checked(&plain[1]) : plain[1];
    const auto times = std::max<int64_t>(1, 20000 / count);
    measure(state, static_cast<double>(times), [&] {
        return seconds([&] {
            for (int64_t i = 0; i < times; ++i) {
                if (f(&to, &from) != AA_OK) {
                    die("a kernel");
                }
            }
        });
    });
}

void add_kernels()
{
    const struct {
        const char *name;
        kernel f;
    } kernels[] = {
        {"aa_copy_into", aa_copy_into}, {"aa_add_into", add_twice}, {"aa_relu_into", aa_relu_into}};
    for (const auto &k : kernels) {
        for (const int64_t count : {1000, 100000, 1000000}) {
            for (const bool checked : {false, true}) {
                const kernel f = k.f;
                add(std::string("kernels/") + k.name + ", " + std::to_string(count) + " doubles/" +
                        (checked ? "checked arrays" : "unchecked arrays"),
                    checked ? role::ours : role::limit,
                    [count, checked, f](benchmark::State &state) {
                        run_kernel(state, count, checked, f);
                    });
            }
        }
    }
}

} // namespace

void register_samples()
{
    add_digits();
    add_layers();
    add_kernels();
    register_stream();
}
