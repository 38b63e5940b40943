/*
 * Poses as: a library with MKL linked into it statically, as libctranslate2.so
 * in the ctranslate2 4.8.5 wheel: it exports mkl_serv_* (153 names there; here
 * those about threads) and no MKL_Get_Max_Threads.
 * Source of truth: that wheel's dynamic symbols and the values its functions
 * returned: mkl_serv_set_num_threads ignores n < 1; ..._local returns the
 * thread's previous override, 0 = unset, and keeps any value, but only one
 * above 0 has an effect; with MKL's "dynamic" on, the process's value (not the
 * override) is cut to the number of cores; ..._get_version_string pads with
 * blanks and sets no terminator, ..._get_version_string_c sets one.
 */
#include <stdatomic.h>
#include <string.h>

#define CORES 4

static atomic_int process_threads = CORES;
static atomic_int dynamic = 1;
static _Thread_local int override_threads = 0;

/* static: the layers that a real mkl_rt opens define mkl_serv_* too, globally,
 * and would take over calls to exported functions. */
static int max_threads(void)
{
    if (override_threads > 0) return override_threads;
    int threads = atomic_load(&process_threads);
    return atomic_load(&dynamic) && threads > CORES ? CORES : threads;
}

int mkl_serv_get_max_threads(void) { return max_threads(); }

int mkl_serv_domain_get_max_threads(int domain)
{
    (void)domain; /* this library's domains have no values of their own */
    return max_threads();
}

void mkl_serv_set_num_threads(int threads)
{
    if (threads > 0) atomic_store(&process_threads, threads);
}

int mkl_serv_set_num_threads_local(int threads)
{
    int previous = override_threads;
    override_threads = threads;
    return previous;
}

int mkl_serv_get_dynamic(void) { return atomic_load(&dynamic); }
void mkl_serv_set_dynamic(int enabled) { atomic_store(&dynamic, enabled != 0); }
int mkl_serv_get_thread_layer(void) { return 0; }

static const char text[] = "Intel(R) oneAPI Math Kernel Library Version 2025.3-Product "
                           "Build 20251007 for Intel(R) 64 architecture applications";

void mkl_serv_get_version_string(char *buffer, int length)
{
    int used = (int)sizeof text - 1 < length ? (int)sizeof text - 1 : length;
    if (length <= 0) return;
    memset(buffer, ' ', (size_t)length);
    memcpy(buffer, text, (size_t)used);
}

void mkl_serv_get_version_string_c(char *buffer, int length)
{
    if (length <= 0) return;
    strncpy(buffer, text, (size_t)length - 1);
    buffer[length - 1] = '\0';
}
