#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "runtime/init.h"

/*
 * Makes the init process in its new namespaces, as a child of the caller, by one clone3: it runs init_main. `cgroup`: directory of the v2 cgroup into which it is born, or -1.
 * Where user or pid namespaces are joined, or a time namespace gets offsets, a short-lived helper does the clone, since a process can join those only for its children.
 */
struct spawned {
    pid_t pid;
    int pidfd;
    bool born_in_cgroup; /* else it is to be moved there */
};

int spawn_init(struct init *init, int cgroup, int runtime_sync, struct spawned *out, struct rt_error *err);
