#pragma once
#include <pthread.h>
#include <stdbool.h>

#include "base/error.h"

/* Starts a thread that takes no signals: they are for the main thread, whose system calls a cancel must interrupt. */
int thread_start(pthread_t *thread, void *(*run)(void *), void *arg, struct rt_error *err);

/* Waits for the condition, or a moment, so that a cancelled plan is noticed. The mutex is held. */
void thread_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);

/* Waits up to a second for a thread that may hang in a system call; false when it does. */
bool thread_join_soon(pthread_t thread);
