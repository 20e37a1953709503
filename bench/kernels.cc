/* Bench: the kernels. See kernels.h. */
#include "kernels.h"

#include <cstdint>

#define KERNEL __attribute__((noinline))

namespace bench
{

KERNEL void copy(double *__restrict to, const double *__restrict from, size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        to[i] = from[i];
    }
}

KERNEL void add(double *__restrict to, const double *__restrict a, const double *__restrict b,
                size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        to[i] = a[i] + b[i];
    }
}

/* Eight sums: as a vectorised reduction does it, and as bounds it by memory, not by the adder. */
KERNEL double sum(const double *from, size_t count)
{
    double part[8] = {};
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        for (size_t k = 0; k < 8; ++k) {
            part[k] += from[i + k];
        }
    }
    double all = 0;
    for (; i < count; ++i) {
        all += from[i];
    }
    for (const double p : part) {
        all += p;
    }
    return all;
}

KERNEL void copy_in_team(double *to, const double *from, size_t count)
{
    const auto n = static_cast<int64_t>(count);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; ++i) {
        to[i] = from[i];
    }
}

KERNEL void add_in_team(double *to, const double *a, const double *b, size_t count)
{
    const auto n = static_cast<int64_t>(count);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; ++i) {
        to[i] = a[i] + b[i];
    }
}

KERNEL double sum_in_team(const double *from, size_t count)
{
    const auto n = static_cast<int64_t>(count), piece = int64_t{4096};
    double all = 0;
#pragma omp parallel for schedule(static) reduction(+ : all)
    for (int64_t first = 0; first < n; first += piece) {
        const int64_t rest = n - first;
        all += sum(from + first, static_cast<size_t>(rest < piece ? rest : piece));
    }
    return all;
}

KERNEL double use(double *temporary, size_t count, double seed)
{
    for (size_t i = 0; i < count; ++i) {
        temporary[i] = seed;
    }
    __asm__ volatile("" ::"r"(temporary) : "memory"); /* the writes are made */
    return sum(temporary, count);
}

} // namespace bench
