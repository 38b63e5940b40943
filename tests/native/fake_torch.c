/*
 * Poses as PyTorch's libtorch_cpu together with the OpenMP runtime that it brings:
 * both in one file. As in PyTorch (aten/src/ATen/ParallelOpenMP.cpp), the number
 * that was set for the process is set again by the first operation of each thread,
 * and by at::get_num_threads(), and only by the first.
 *
 *   -DONLY_OPENMP  the OpenMP runtime alone
 *   -DONLY_TORCH   PyTorch alone, on that runtime
 */

#include <stdatomic.h>

#ifdef ONLY_TORCH

int omp_get_max_threads(void);
void omp_set_num_threads(int threads);

#else

/* The OpenMP runtime: one value for each thread. */

static _Thread_local int openmp_threads = 8;

int omp_get_max_threads(void) { return openmp_threads; }

void omp_set_num_threads(int threads) { openmp_threads = threads; }

void GOMP_parallel(void (*work)(void *), void *data, unsigned threads, unsigned flags) {
    (void)threads, (void)flags;
    work(data);
}

#endif
#ifndef ONLY_OPENMP

/* PyTorch, under its C++ names. */

static atomic_int wanted;
static atomic_int calls;
static _Thread_local int begun;

static void begin(void) {
    if (begun) return;
    begun = 1;
    int threads = atomic_load(&wanted);
    if (threads > 0) omp_set_num_threads(threads);
}

/* void at::set_num_threads(int) */
void _ZN2at15set_num_threadsEi(int threads) {
    atomic_store(&wanted, threads);
    begun = 1;
    omp_set_num_threads(threads);
}

/* int at::get_num_threads() */
int _ZN2at15get_num_threadsEv(void) {
    atomic_fetch_add(&calls, 1);
    begin();
    return omp_get_max_threads();
}

/* Any operation: answers how many threads it used. */
int operation(void) {
    begin();
    return omp_get_max_threads();
}

/* How often at::get_num_threads() was called. */
int times_asked(void) { return atomic_load(&calls); }

#endif
