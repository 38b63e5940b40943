/*
 * Calls an OpenBLAS from more threads than it has buffers for, or takes its
 * buffers one by one, to see when it warns, when it gives up, and what then.
 *
 *     callers call LIBRARY N [TAKEN]
 *                               N threads, released at once, each multiply two
 *                               matrices 20 times; before that, so many buffers
 *                               are taken: with all, no chance is left in it
 *     callers hold LIBRARY      take buffers, none given back, until it refuses;
 *                               "take" before each and "refused" at the end,
 *                               on standard error, where it warns
 *
 * All print what the library says of itself first. Source of truth: OpenBLAS
 * driver/others/memory.c (blas_memory_alloc), cblas.h.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Large enough that no build has a way to multiply without a buffer. */
enum { SIDE = 200, ROUNDS = 20, ROW_MAJOR = 101, NO_TRANS = 111, MOST = 100000 };

typedef void gemm32(int, int, int, int32_t, int32_t, int32_t, double, const double *, int32_t,
                    const double *, int32_t, double, double *, int32_t);
typedef void gemm64(int, int, int, int64_t, int64_t, int64_t, double, const double *, int64_t,
                    const double *, int64_t, double, double *, int64_t);

static gemm32 *multiply32;
static gemm64 *multiply64;
static pthread_barrier_t barrier;

/* Each wheel's OpenBLAS gives its functions a prefix, a suffix, or both. */
static void *find(void *library, const char *name, const char **suffix_found)
{
    static const char *const prefixes[] = {"scipy_", ""};
    static const char *const suffixes[] = {"64_", "_64", ""};
    char full[100];
    for (int p = 0; p < 2; p++)
        for (int s = 0; s < 3; s++) {
            snprintf(full, sizeof full, "%s%s%s", prefixes[p], name, suffixes[s]);
            void *found = dlsym(library, full);
            if (found) {
                if (suffix_found)
                    *suffix_found = suffixes[s];
                return found;
            }
        }
    fprintf(stderr, "callers: the library has no %s\n", name);
    exit(2);
}

static void *caller(void *unused)
{
    static double a[SIDE * SIDE];
    double *c = malloc(sizeof a);
    (void)unused;
    pthread_barrier_wait(&barrier);
    for (int round = 0; c && round < ROUNDS; round++)
        if (multiply64)
            multiply64(ROW_MAJOR, NO_TRANS, NO_TRANS, SIDE, SIDE, SIDE, 1.0, a, SIDE, a, SIDE, 0.0,
                       c, SIDE);
        else
            multiply32(ROW_MAJOR, NO_TRANS, NO_TRANS, SIDE, SIDE, SIDE, 1.0, a, SIDE, a, SIDE, 0.0,
                       c, SIDE);
    free(c);
    return NULL;
}

/* Whether every thread but this one sleeps: a worker takes its buffer as it starts. */
static int all_sleep(void)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    int sleeps = tasks != NULL;
    while (tasks && (task = readdir(tasks))) {
        char path[300], state = 'S';
        if (task->d_name[0] == '.' || atoi(task->d_name) == getpid())
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/stat", task->d_name);
        FILE *stat = fopen(path, "r");
        if (stat) {
            if (fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
                state = '?';
            fclose(stat);
        }
        sleeps = sleeps && state == 'S';
    }
    if (tasks)
        closedir(tasks);
    return sleeps;
}

/* Takes so many buffers, and says whether all were given. */
static int take(void *library, int buffers)
{
    void *(*allocate)(int) = (void *(*)(int))dlsym(library, "blas_memory_alloc");
    if (!allocate) {
        fprintf(stderr, "callers: the library has no blas_memory_alloc\n");
        exit(2);
    }
    while (!all_sleep())
        sched_yield();
    for (int i = 0; i < buffers; i++) {
        fputs("take\n", stderr);
        if (!allocate(1)) {
            fputs("refused\n", stderr);
            return 0;
        }
    }
    return 1;
}

static int call(void *library, int threads, int taken)
{
    const char *suffix = "";
    void *multiply = find(library, "cblas_dgemm", &suffix);
    if (*suffix)
        multiply64 = (gemm64 *)multiply;
    else
        multiply32 = (gemm32 *)multiply;
    if (taken && !take(library, taken))
        return 2;
    pthread_t *all = calloc(threads, sizeof *all);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 1 << 20);
    pthread_barrier_init(&barrier, NULL, threads);
    for (int i = 0; i < threads; i++)
        if (pthread_create(&all[i], &attributes, caller, NULL)) {
            fprintf(stderr, "callers: thread %d of %d can't be started\n", i + 1, threads);
            exit(2);
        }
    for (int i = 0; i < threads; i++)
        pthread_join(all[i], NULL);
    puts("done");
    return 0;
}

int main(int count, char **arguments)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count < 3) {
        fprintf(stderr, "usage: callers call LIBRARY N [TAKEN] | callers hold LIBRARY\n");
        return 2;
    }
    void *library = dlopen(arguments[2], RTLD_NOW);
    if (!library) {
        fprintf(stderr, "callers: %s\n", dlerror());
        return 2;
    }
    const char *(*config)(void) = (const char *(*)(void))find(library, "openblas_get_config", NULL);
    int (*threads)(void) = (int (*)(void))find(library, "openblas_get_num_threads", NULL);
    printf("%s\nthreads=%d\n", config(), threads());
    if (!strcmp(arguments[1], "hold"))
        return take(library, MOST) ? 2 : 0;
    return call(library, count > 3 ? atoi(arguments[3]) : 1, count > 4 ? atoi(arguments[4]) : 0);
}
