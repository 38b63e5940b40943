/*
 * Poses as: OpenBLAS built with pthreads, whose functions do what real ones do at
 * the worst moment.
 *
 * on_get, on_set: a function of the test's that the getter or setter calls, to wait,
 * to fork or to call poolkeeper again.
 *
 * With -DFORKS it registers a fork handler in its constructor, which takes the lock
 * that its functions take and holds it until the fork is over, as OpenMP runtimes do
 * (LLVM: kmp_runtime.cpp, __kmp_atfork_prepare and __kmp_initz_lock). The handler
 * waits for a moment, in which another thread comes to that lock.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#define MAX_THREADS 16
#define THREADS_AT_START 8

typedef void (*hook)(void);

static atomic_int threads = THREADS_AT_START;
static _Atomic hook getting, setting;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#ifdef FORKS
static void prepare(void)
{
    pthread_mutex_lock(&lock);
    usleep(50000);
}

static void done(void) { pthread_mutex_unlock(&lock); }

__attribute__((constructor)) static void begin(void) { pthread_atfork(prepare, done, done); }
#endif

void on_get(hook function) { atomic_store(&getting, function); }
void on_set(hook function) { atomic_store(&setting, function); }

/* Once: what the test's function calls in its turn is not interrupted. */
static void call(_Atomic hook *which)
{
    hook function = atomic_exchange(which, NULL);
    if (function)
        function();
}

int openblas_get_num_threads(void)
{
    call(&getting);
    pthread_mutex_lock(&lock);
    int found = atomic_load(&threads);
    pthread_mutex_unlock(&lock);
    return found;
}

void openblas_set_num_threads(int wanted)
{
    call(&setting);
    pthread_mutex_lock(&lock);
    atomic_store(&threads, wanted < 1 || wanted > MAX_THREADS ? MAX_THREADS : wanted);
    pthread_mutex_unlock(&lock);
}

const char *openblas_get_config(void) { return "OpenBLAS 9.9.9 NO_AFFINITY Fake MAX_THREADS=16"; }
const char *openblas_get_corename(void) { return "Fake"; }
int openblas_get_num_procs(void) { return THREADS_AT_START; }
int openblas_get_parallel(void) { return 1; }
