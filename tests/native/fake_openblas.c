/*
 * Poses as: OpenBLAS built with pthreads, MAX_THREADS=16, in four builds of one
 * source: symbol tables of both hash styles, and names with affixes.
 * Source of truth: OpenBLAS cblas.h (signatures: every count is an int, with
 * 64-bit BLAS integers too) and driver/others/blas_server.c
 * (openblas_set_num_threads: n < 1 means "all", n above the maximum is the
 * maximum).
 *
 * Build with -DPREFIX=scipy_ and -DSUFFIX=64_ for affixes; both may be empty. With
 * -DVERSION='"0.3.2"' it poses as a version with a known fault; with -DREADS_ENVIRONMENT
 * it reads OPENBLAS_NUM_THREADS when it is loaded (driver/others/openblas_env.c: atoi).
 */
#include <stdatomic.h>
#include <stdlib.h>

#ifndef PREFIX
#define PREFIX
#endif
#ifndef SUFFIX
#define SUFFIX
#endif
#ifndef VERSION
#define VERSION "9.9.9"
#endif
#define JOIN(a, b, c) a##b##c
#define EXPAND(a, b, c) JOIN(a, b, c)
#define EXPORT(name) EXPAND(PREFIX, name, SUFFIX)

#define MAX_THREADS 16
#define THREADS_AT_START 8

static atomic_int threads = THREADS_AT_START;

#ifdef READS_ENVIRONMENT
__attribute__((constructor)) static void read_environment(void)
{
    const char *value = getenv("OPENBLAS_NUM_THREADS");
    int wanted = value ? atoi(value) : 0;
    if (wanted > 0)
        atomic_store(&threads, wanted > MAX_THREADS ? MAX_THREADS : wanted);
}
#endif

int EXPORT(openblas_get_num_threads)(void) { return atomic_load(&threads); }

void EXPORT(openblas_set_num_threads)(int wanted)
{
    atomic_store(&threads, wanted < 1 || wanted > MAX_THREADS ? MAX_THREADS : wanted);
}

const char *EXPORT(openblas_get_config)(void)
{
    return "OpenBLAS " VERSION " NO_AFFINITY Fake MAX_THREADS=16";
}

const char *EXPORT(openblas_get_corename)(void) { return "Fake"; }
int EXPORT(openblas_get_num_procs)(void) { return THREADS_AT_START; }
int EXPORT(openblas_get_parallel)(void) { return 1; } /* 0 serial, 1 pthreads, 2 OpenMP */
