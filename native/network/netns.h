#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * The calling process, which has one thread, enters a network namespace for a moment. Sockets and files of /proc/sys/net that it opens there stay bound to that
 * namespace. The way back cannot fail in a way that may be ignored: netns_leave ends the process when it does.
 */
struct netns_visit {
    int home;
};
/*
 * Whether we may change the network namespace that we are in. An unprivileged user in a user namespace of its own may not: it sees the interfaces of others and has none
 * itself. Not asked of /proc, which is closed to a process that changed its ids.
 */
bool netns_is_ours(void);
int netns_open(pid_t pid, struct rt_error *err);
int netns_enter(int netns, struct netns_visit *visit, struct rt_error *err);
void netns_leave(struct netns_visit *visit);
#define auto_visit __attribute__((cleanup(netns_leave)))
