/* GMP: the sum of all binomial coefficients of SIZE, which is 2^SIZE, with numbers that grow and shrink. GMP takes all its
 * memory through three functions, and says the old size in two of them: what an arena asks of those who give back.
 *
 * A number must end with the functions that it began with. So the functions change between runs, and every number ends in
 * its run; an arena needs no end of numbers, the reset takes all.
 */
#include "../loops/loops.h"

#include <gmp.h>

/* GMP knows no failure: what cannot be served ends the program. */
static void *served(void *memory)
{
    if (memory == NULL) {
        (void)fprintf(stderr, "gmp: %s\n", aa_last_message());
        abort();
    }
    return memory;
}

static void *take(size_t bytes)
{
    return served(aa_alloc(AA_CURRENT, bytes));
}

static void *resize(void *memory, size_t old_bytes, size_t new_bytes)
{
    return served(aa_realloc(AA_CURRENT, memory, old_bytes, new_bytes));
}

static void give(void *memory, size_t bytes)
{
    aa_free(AA_CURRENT, memory, bytes);
}

static bool sum_is_a_power_of_two(unsigned long n)
{
    mpz_t sum, row, term;
    mpz_inits(sum, row, term, NULL);
    mpz_set_ui(row, 1);
    for (unsigned long k = 0; k <= n; ++k) {
        mpz_add(sum, sum, row);
        mpz_mul_ui(term, row, n - k);
        mpz_divexact_ui(row, term, k + 1);
    }
    const bool good = mpz_popcount(sum) == 1 && mpz_scan1(sum, 0) == n;
    mpz_clears(term, row, sum, NULL);
    return good;
}

static bool run(source from, void *work)
{
    if (from == BY_MALLOC) {
        mp_set_memory_functions(NULL, NULL, NULL); /* GMP's own */
    } else {
        mp_set_memory_functions(take, resize, give);
    }
    return sum_is_a_power_of_two(*(const unsigned long *)work);
}

int main(int count, char **arguments)
{
    unsigned long n = (unsigned long)size_argument(count, arguments, 20000, 0, 1000000);
    aa_allocator *const allocator =
        aa_arena_create(&(aa_options){.name = "arena", .alignment = 16});
    const bool good = allocator != NULL && compare("gmp", allocator, run, &n);
    return aa_destroy(allocator) == AA_OK && good ? EXIT_SUCCESS : EXIT_FAILURE;
}
