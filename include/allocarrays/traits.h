/* Allocators by OpenMP's traits: pools that are real. */
#ifndef ALLOCARRAYS_TRAITS_H
#define ALLOCARRAYS_TRAITS_H

#include <allocarrays/allocator.h>

AAI_BEGIN_DECLS

/**
 * Create an allocator from an OpenMP memory space and allocator traits, as omp_init_allocator takes them.
 * Not an OpenMP handle: aa_omp_handle gives that. Destroy it with aa_destroy.
 * space: an omp_memspace_handle_t; spaces other than omp_default_mem_space come from the OpenMP runtime.
 * count, traits: `count` of omp_alloctrait_t; NULL when 0. omp_atv_default is a trait's absence. Understood:
 *     access     all (default), cgroup, pteam: a shared allocator. thread: a private one
 *     pool_size  bytes > 0, a cap that is never exceeded; with access thread for each thread, as in OpenMP
 *     alignment  a power of two up to 1 GiB, of every allocation; 64 when absent
 *     fallback   when the pool is full, or its space gives no more: default_mem_fb (default): blocks of the default
 *                space; null_fb: NULL with AA_NOMEM; abort_fb: the process ends; allocator_fb: fb_data serves, a
 *                handle of the runtime's by blocks, one of ours (not custom) each allocation by itself
 *     pinned     true: locked pages in the default space (RLIMIT_MEMLOCK allowing), else the runtime's
 *     partition  environment (default), nearest: first touch; blocked, interleaved: the runtime's
 *     sync_hint  accepted, without effect
 * Blocks are taken once and kept over resets, so what a space or trait costs per allocation becomes free.
 * Returns NULL with a sentence: AA_INVALID (a value that is none, allocator_fb without fb_data), AA_UNSUPPORTED
 * (an unknown trait, a space or trait that the runtime refuses, no runtime), AA_STALE (fb_data's allocator is
 * gone), AA_NOMEM. fb_data, and what it stands for, must outlive it.
 * Cost: as aa_shared_create. Threads: any. Source: OpenMP 5.1, 2.13.2.
 */
AA_API aa_allocator *aa_allocator_from_traits(uintptr_t space, int count, const void *traits);

AAI_END_DECLS

#endif
