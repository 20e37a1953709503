/* oneDNN: a convolution whose workspace is ours. By default the library takes a primitive's scratchpad itself and keeps
 * it as long as the primitive; in the mode "user" it says how many bytes it needs, and each execution brings them: here
 * from a scratch, so that they are there only while they are used, and shared with whatever comes next.
 */
#include "../loops/loops.h"

#include <math.h>
#include <oneapi/dnnl/dnnl.h>

enum { IMAGES = 2, IN = 3, OUT = 5, SIDE = 33, KERNEL = 5, RESULT = SIDE - KERNEL + 1 };
enum { SOURCE, WEIGHTS, TARGET, TENSORS };

static const dnnl_dims_t dims[TENSORS] = {
    {IMAGES, IN, SIDE, SIDE}, {OUT, IN, KERNEL, KERNEL}, {IMAGES, OUT, RESULT, RESULT}};

typedef struct convolution {
    long times;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_memory_desc_t form[TENSORS];
    dnnl_memory_t tensor[TENSORS];
    float *values[TENSORS];
    dnnl_primitive_t primitive[SOURCES]; /* the library's scratchpad; ours */
    dnnl_memory_desc_t pad;
} convolution;

static size_t count_of(int tensor)
{
    size_t count = 1;
    for (int axis = 0; axis < 4; ++axis) {
        count *= (size_t)dims[tensor][axis];
    }
    return count;
}

static bool make_tensors(convolution *c)
{
    for (int i = 0; i < TENSORS; ++i) {
        c->values[i] = malloc(count_of(i) * sizeof(float));
        if (c->values[i] == NULL ||
            dnnl_memory_desc_init_by_tag(&c->form[i], 4, dims[i], dnnl_f32, dnnl_abcd) !=
                dnnl_success ||
            dnnl_memory_create(&c->tensor[i], &c->form[i], c->engine, c->values[i]) !=
                dnnl_success) {
            return false;
        }
        for (size_t k = 0; k < count_of(i); ++k) {
            c->values[i][k] = (float)((k * 7 + (size_t)i) % 11) - 5; /* small: sums are exact */
        }
    }
    return true;
}

static bool make_primitive(convolution *c, dnnl_scratchpad_mode_t mode, dnnl_primitive_t *made)
{
    const dnnl_dims_t ones = {1, 1}, none = {0, 0};
    dnnl_convolution_desc_t what;
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_primitive_desc_t plan = NULL;
    bool good =
        dnnl_convolution_forward_desc_init(&what, dnnl_forward_inference, dnnl_convolution_direct,
                                           &c->form[SOURCE], &c->form[WEIGHTS], NULL,
                                           &c->form[TARGET], ones, none, none) == dnnl_success &&
        dnnl_primitive_attr_create(&attributes) == dnnl_success &&
        dnnl_primitive_attr_set_scratchpad_mode(attributes, mode) == dnnl_success &&
        dnnl_primitive_desc_create(&plan, &what, attributes, c->engine, NULL) == dnnl_success &&
        dnnl_primitive_create(made, plan) == dnnl_success;
    if (good) {
        c->pad = *dnnl_primitive_desc_query_md(plan, dnnl_query_scratchpad_md, 0);
    }
    (void)dnnl_primitive_desc_destroy(plan);
    (void)dnnl_primitive_attr_destroy(attributes);
    return good;
}

static bool execute(const convolution *c, source from, dnnl_memory_t pad)
{
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, c->tensor[SOURCE]},
                                         {DNNL_ARG_WEIGHTS, c->tensor[WEIGHTS]},
                                         {DNNL_ARG_DST, c->tensor[TARGET]},
                                         {DNNL_ARG_SCRATCHPAD, pad}};
    return dnnl_primitive_execute(c->primitive[from], c->stream, pad == NULL ? 3 : 4, arguments) ==
               dnnl_success &&
           dnnl_stream_wait(c->stream) == dnnl_success;
}

static bool execute_in_scratch(const convolution *c)
{
    bool good = false;
    AA_SCRATCH(AA_CURRENT) {
        void *const memory = aa_alloc(AA_CURRENT, dnnl_memory_desc_get_size(&c->pad));
        dnnl_memory_t pad = NULL;
        good = memory != NULL &&
               dnnl_memory_create(&pad, &c->pad, c->engine, memory) == dnnl_success &&
               execute(c, FROM_SCOPE, pad);
        (void)dnnl_memory_destroy(pad);
    }
    return good;
}

/* Every value, by the definition. */
static bool is_convolved(const convolution *c)
{
    bool good = true;
    for (long at = 0; at < (long)count_of(TARGET); ++at) {
        const long x = at % RESULT, y = at / RESULT % RESULT;
        const long o = at / RESULT / RESULT % OUT, n = at / RESULT / RESULT / OUT;
        float sum = 0;
        for (long k = 0; k < (long)IN * KERNEL * KERNEL; ++k) {
            const long i = k / KERNEL / KERNEL, ky = k / KERNEL % KERNEL, kx = k % KERNEL;
            sum += c->values[WEIGHTS][o * IN * KERNEL * KERNEL + k] *
                   c->values[SOURCE][((n * IN + i) * SIDE + y + ky) * SIDE + x + kx];
        }
        good = good && sum == c->values[TARGET][at];
    }
    return good;
}

static bool run(source from, void *work)
{
    convolution *const c = work;
    memset(c->values[TARGET], 0, count_of(TARGET) * sizeof(float));
    bool good = true;
    for (long i = 0; i < c->times && good; ++i) {
        good = from == BY_MALLOC ? execute(c, from, NULL) : execute_in_scratch(c);
    }
    return good && is_convolved(c);
}

static void end(convolution *c)
{
    for (int i = 0; i < TENSORS; ++i) {
        (void)dnnl_memory_destroy(c->tensor[i]);
        free(c->values[i]);
    }
    (void)dnnl_primitive_destroy(c->primitive[FROM_SCOPE]);
    (void)dnnl_primitive_destroy(c->primitive[BY_MALLOC]);
    (void)dnnl_stream_destroy(c->stream);
    (void)dnnl_engine_destroy(c->engine);
}

int main(int count, char **arguments)
{
    convolution c = {.times = size_argument(count, arguments, 200, 1, 10000000)};
    aa_allocator *const allocator = aa_arena_create(&(aa_options){.name = "arena"});
    bool good =
        allocator != NULL && dnnl_engine_create(&c.engine, dnnl_cpu, 0) == dnnl_success &&
        dnnl_stream_create(&c.stream, c.engine, dnnl_stream_default_flags) == dnnl_success &&
        make_tensors(&c) &&
        make_primitive(&c, dnnl_scratchpad_mode_library, &c.primitive[BY_MALLOC]) &&
        make_primitive(&c, dnnl_scratchpad_mode_user, &c.primitive[FROM_SCOPE]);
    if (good) {
        printf("oneDNN asks for a scratchpad of %zu bytes\n", dnnl_memory_desc_get_size(&c.pad));
        good = compare("onednn", allocator, run, &c);
    }
    end(&c);
    return aa_destroy(allocator) == AA_OK && good ? EXIT_SUCCESS : EXIT_FAILURE;
}
