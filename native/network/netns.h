#pragma once
#include <sys/types.h>

#include "base/error.h"

/*
 * The calling process, which has one thread, enters a network namespace for a moment. Sockets and files of /proc/sys/net that it opens there stay bound to that
 * namespace. The way back cannot fail in a way that may be ignored: netns_leave ends the process when it does.
 */
struct netns_visit {
    int home;
};
int netns_open(pid_t pid, struct rt_error *err);
int netns_enter(int netns, struct netns_visit *visit, struct rt_error *err);
void netns_leave(struct netns_visit *visit);
#define auto_visit __attribute__((cleanup(netns_leave)))
