/* The C side of exchange.py: arrays of an arena that NumPy reads and writes, and NumPy's arrays as ours. */
#include <allocarrays.h>
#include <allocarrays/dlpack.h>

DLManagedTensor *waves(int64_t rows, int64_t columns);
double sum_of_squares(const DLManagedTensor *tensor);
const char *take_back(void);
const char *last_message(void);

static aa_allocator *memory;

/* The default would abort; here the caller is told by the status. */
static void note(const aa_violation *violation, void *context)
{
    (void)context;
    (void)fprintf(stderr, "exchange: %s: %s\n", aa_violation_name(violation->kind),
                  violation->message);
}

/* Row i holds i, 2 i, 3 i, ...; the tensor is the caller's, NULL on failure. */
DLManagedTensor *waves(int64_t rows, int64_t columns)
{
    if (memory == NULL) {
        (void)aa_set_violation_handler(note, NULL);
        memory = aa_shared_create(&(aa_options){.name = "waves"});
    }
    aa_array array = aa_empty(memory, AA_F64, 2, (const int64_t[]){rows, columns});
    double *const data = aa_data(&array);
    if (data == NULL) {
        return NULL;
    }
#pragma omp parallel for
    for (int64_t i = 0; i < rows; ++i) {
        for (int64_t j = 0; j < columns; ++j) {
            data[i * columns + j] = (double)(i * (j + 1));
        }
    }
    return aa_to_dlpack(&array);
}

/* Of a tensor that the caller keeps; -1 when it is none of two axes of doubles. */
double sum_of_squares(const DLManagedTensor *tensor)
{
    const aa_array array = aa_from_dlpack(tensor);
    if (aa_is_null(&array) || array.dtype != AA_F64 || array.ndim != 2) {
        return -1;
    }
    double sum = 0;
#pragma omp parallel for reduction(+ : sum)
    for (int64_t i = 0; i < array.shape[0]; ++i) {
        for (int64_t j = 0; j < array.shape[1]; ++j) {
            sum += AA_AT(double, &array, i, j) * AA_AT(double, &array, i, j);
        }
    }
    return sum;
}

/* Name of the status of a reset: AA_BUSY while a tensor is out. */
const char *take_back(void)
{
    return aa_status_name(aa_reset(memory));
}

const char *last_message(void)
{
    return aa_last_message();
}
