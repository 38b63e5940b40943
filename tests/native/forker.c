/* C code that forks: its child runs a parallel region, and nothing of an interpreter. */
#include <sys/wait.h>
#include <unistd.h>

typedef void parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags);

static void nothing(void *data)
{
    (void)data;
}

/* The status of a child that runs a region after one in the parent; a child that
   hangs is killed after some seconds. */
int status_of_a_child(parallel *region, unsigned seconds)
{
    int status = -1;
    region(nothing, NULL, 0, 0);
    pid_t child = fork();
    if (child == 0) {
        alarm(seconds);
        region(nothing, NULL, 0, 0);
        _exit(0);
    }
    waitpid(child, &status, 0);
    return status;
}
