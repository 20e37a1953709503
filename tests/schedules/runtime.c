/* The OpenMP runtime that the explored programs see: the calls that the core asks for, each thread's answers set by its
 * program. A real runtime's barriers and threads would not wait for the explorer. */
#include "runtime.h"

#include <stdlib.h>

typedef struct omp_trait omp_trait;

/* The library declares these itself, weak: src/sync/team.c. */
int omp_get_level(void);
int omp_in_parallel(void);
int omp_get_thread_num(void);
int omp_get_num_threads(void);
int omp_get_num_teams(void);
int omp_get_ancestor_thread_num(int level);
int omp_get_team_size(int level);
uintptr_t omp_get_default_allocator(void);
void omp_set_default_allocator(uintptr_t handle);
uintptr_t omp_init_allocator(uintptr_t space, int count, const omp_trait *traits);
void omp_destroy_allocator(uintptr_t handle);
void *omp_alloc(size_t bytes, uintptr_t handle);
void omp_free(void *pointer, uintptr_t handle);

static __thread struct {
    int size, number;
    uintptr_t handle;
} seat;

void runtime_sit(int size, int number)
{
    seat.size = size;
    seat.number = number;
}

int omp_get_level(void)
{
    return seat.size > 0;
}

int omp_in_parallel(void)
{
    return seat.size > 1;
}

int omp_get_thread_num(void)
{
    return seat.number;
}

int omp_get_num_threads(void)
{
    return seat.size > 0 ? seat.size : 1;
}

int omp_get_num_teams(void)
{
    return 1;
}

int omp_get_ancestor_thread_num(int level)
{
    return level == 0 ? 0 : level == omp_get_level() ? seat.number : -1;
}

int omp_get_team_size(int level)
{
    return level == 0 ? 1 : level == omp_get_level() ? omp_get_num_threads() : -1;
}

uintptr_t omp_get_default_allocator(void)
{
    return seat.handle != 0 ? seat.handle : 1;
}

void omp_set_default_allocator(uintptr_t handle)
{
    seat.handle = handle;
}

uintptr_t omp_init_allocator(uintptr_t space, int count, const omp_trait *traits)
{
    static uintptr_t last = 0x1000;
    (void)space;
    (void)count;
    (void)traits;
    return last += 0x100;
}

void omp_destroy_allocator(uintptr_t handle)
{
    (void)handle;
}

void *omp_alloc(size_t bytes, uintptr_t handle)
{
    (void)handle;
    return malloc(bytes);
}

void omp_free(void *pointer, uintptr_t handle)
{
    (void)handle;
    free(pointer);
}
