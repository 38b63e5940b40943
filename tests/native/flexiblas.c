/*
 * Poses as: libflexiblas.so.3, the BLAS that switches its backend at run time.
 * Source of truth: FlexiBLAS 3.x, src/flexiblas_api.h (signatures), and that
 * library's definitions of the same functions (what list, load and switch
 * return; a backend without thread functions: get is 1, set does nothing; the
 * weak aliases at the end of this file). "__FALLBACK__": threadpoolctl filters
 * it out of both lists; here only list_loaded has it. In FlexiBLAS 2.x the last
 * argument and the result of list and list_loaded were int.
 *
 * The trap it sets: the real library also DEFINES openblas_*, mkl_*, blas_*
 * and bli_thread_* as weak aliases, so a classifier must test FlexiBLAS first,
 * and must not take it for an OpenBLAS or a BLIS.
 *
 * Backends: NETLIB (no threads), OPENBLASPTHREAD (the library that the
 * environment variable FLEXIBLAS_TEST_OPENBLAS names when it is loaded), and
 * any library given by path.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

#define MAX_LOADED 64

typedef int (*get_threads_function)(void);
typedef void (*set_threads_function)(int);

typedef struct {
    char *name;
    get_threads_function get_threads; /* NULL: a backend without threads */
    set_threads_function set_threads;
} backend;

static const char *const available[] = {"NETLIB", "OPENBLASPTHREAD"};
static const size_t available_count = sizeof available / sizeof available[0];

/* The real library reports "__FALLBACK__" among the loaded ones at times: it
 * is not a backend that a user may switch to. */
static backend loaded[MAX_LOADED] = {
    {"NETLIB", NULL, NULL},
    {"__FALLBACK__", NULL, NULL},
};
static size_t loaded_count = 2;
static const backend *current = &loaded[0];
static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;

static ssize_t copy_name(char *buffer, size_t length, const char *name)
{
    if (length == 0) return -1;
    strncpy(buffer, name, length - 1);
    buffer[length - 1] = '\0';
    return (ssize_t)strlen(buffer);
}

static ssize_t find_loaded(const char *name)
{
    for (size_t i = 0; i < loaded_count; i++)
        if (strcasecmp(loaded[i].name, name) == 0) return (ssize_t)i;
    return -1;
}

static int add_backend(const char *name, const char *path)
{
    if (path == NULL || loaded_count == MAX_LOADED) return -1;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) return -1;

    backend added = {NULL, NULL, NULL};
    *(void **)&added.get_threads = dlsym(library, "openblas_get_num_threads");
    *(void **)&added.set_threads = dlsym(library, "openblas_set_num_threads");
    if (added.get_threads == NULL) {
        *(void **)&added.get_threads = dlsym(library, "MKL_Get_Max_Threads");
        *(void **)&added.set_threads = dlsym(library, "MKL_Set_Num_Threads");
    }
    if (added.get_threads == NULL || (added.name = strdup(name)) == NULL) {
        dlclose(library);
        return -1;
    }
    loaded[loaded_count] = added;
    return (int)loaded_count++;
}

static int load(const char *name, const char *path)
{
    pthread_mutex_lock(&loading);
    int position = (int)find_loaded(name);
    if (position < 0) position = add_backend(name, path);
    pthread_mutex_unlock(&loading);
    return position;
}

void flexiblas_get_version(int *major, int *minor, int *patch)
{
    *major = 3;
    *minor = 4;
    *patch = 2;
}

/* Called with NULL it answers how many there are; with a buffer, the length of
 * the name at `position`, -1 past the end. Position -1 is the default. */
ssize_t flexiblas_list(char *name, const size_t length, const ssize_t position)
{
    if (name == NULL) return (ssize_t)available_count;
    if (position == -1) return copy_name(name, length, available[0]);
    if (position < 0 || (size_t)position >= available_count) {
        if (length > 0) name[0] = '\0';
        return -1;
    }
    return copy_name(name, length, available[position]);
}

ssize_t flexiblas_list_loaded(char *name, const size_t length, const ssize_t position)
{
    if (name == NULL) return (ssize_t)loaded_count;
    if (position < 0 || (size_t)position >= loaded_count) return -1;
    return copy_name(name, length, loaded[position].name);
}

int flexiblas_current_backend(char *name, size_t length)
{
    return (int)copy_name(name, length, current->name);
}

int flexiblas_load_backend(const char *name)
{
    int known = find_loaded(name) >= 0 || strcasecmp(name, "OPENBLASPTHREAD") == 0;
    return known ? load(name, getenv("FLEXIBLAS_TEST_OPENBLAS")) : -1;
}

int flexiblas_load_backend_library(const char *path)
{
    return load(path, path);
}

int flexiblas_switch(int position)
{
    if (position < 0 || (size_t)position >= loaded_count) return -1;
    current = &loaded[position];
    return 0;
}

void flexiblas_set_num_threads(int threads)
{
    if (current->set_threads != NULL) current->set_threads(threads);
}

int flexiblas_get_num_threads(void)
{
    return current->get_threads != NULL ? current->get_threads() : 1;
}

void flexiblas_set_num_threads_(int *threads) { flexiblas_set_num_threads(*threads); }
int flexiblas_get_num_threads_(void) { return flexiblas_get_num_threads(); }

#define SET_ALIAS(name) void name(int) __attribute__((weak, alias("flexiblas_set_num_threads")))
#define GET_ALIAS(name) int name(void) __attribute__((weak, alias("flexiblas_get_num_threads")))

SET_ALIAS(openblas_set_num_threads);
SET_ALIAS(mkl_set_num_threads);
SET_ALIAS(blas_set_num_threads);
SET_ALIAS(acmlsetnumthreads);
SET_ALIAS(bli_thread_set_num_threads);
GET_ALIAS(openblas_get_num_threads);
GET_ALIAS(mkl_get_num_threads);
GET_ALIAS(blas_get_num_threads);
GET_ALIAS(acmlgetnumthreads);
GET_ALIAS(bli_thread_get_num_threads);
