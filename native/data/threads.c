#include "data/threads.h"

#include <signal.h>
#include <time.h>

#define WAKE_NS 100000000L

int thread_start(pthread_t *thread, void *(*run)(void *), void *arg, struct rt_error *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int errnum = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return errnum == 0 ? 0 : rt_fail(err, "NATIVE_FAILED", errnum, "pthread_create", "cannot start a thread");
}

void thread_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += WAKE_NS;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    pthread_cond_timedwait(condition, mutex, &until);
}

bool thread_join_soon(pthread_t thread)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec++;
    return pthread_timedjoin_np(thread, NULL, &until) == 0;
}
