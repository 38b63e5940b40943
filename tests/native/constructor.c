/*
 * Poses as: a library whose constructor runs Python, as one that registers itself
 * with an embedded interpreter does. The loader's lock is held meanwhile.
 *
 * With -DOPENER it is another one, which opens the first in a thread that Python
 * does not know, and comes back when the constructor has begun.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SIGNAL_TO "CONSTRUCTOR_SIGNALS_TO"

#ifdef OPENER
static void *open_it(void *path)
{
    return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

/* 0 when the constructor has begun. To be called with the GIL held. */
int open_in_a_thread(char *path)
{
    int ends[2];
    char text[16], byte;
    pthread_t thread;
    if (pipe(ends))
        return 1;
    snprintf(text, sizeof text, "%d", ends[1]);
    setenv(SIGNAL_TO, text, 1);
    if (pthread_create(&thread, NULL, open_it, path))
        return 1;
    pthread_detach(thread);
    return read(ends[0], &byte, 1) != 1;
}
#else
__attribute__((constructor)) static void begin(void)
{
    int (*ensure)(void) = (int (*)(void))dlsym(RTLD_DEFAULT, "PyGILState_Ensure");
    void (*release)(int) = (void (*)(int))dlsym(RTLD_DEFAULT, "PyGILState_Release");
    const char *signals_to = getenv(SIGNAL_TO);
    if (!ensure || !release || !signals_to || write(atoi(signals_to), "!", 1) != 1)
        abort();
    release(ensure());
}
#endif
