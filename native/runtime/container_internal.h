#pragma once
#include <sys/resource.h>

#include "runtime/cgroup.h"
#include "runtime/container.h"

/* Shared by container.c and lifecycle.c. */
struct container {
    const struct spec *spec;
    struct runtime_params params;
    pid_t pid;
    int pidfd;
    int sync; /* -1: closed, or the start comes from elsewhere */
    int terminal;
    int status; /* of waitpid, once `ended` */
    bool ended;
    bool foreign;      /* made by another process: it cannot be reaped here */
    struct spec *own_spec; /* of a container that was opened: freed with it */
    struct state *state;
    struct rusage usage;
    struct external *external; /* NULL: built in */
    struct cgroup *cgroup; /* NULL: none of its own */
};

void container_warn(const struct container *container, const char *text);
/* Runs the hooks of one kind on the runtime's side with the state that has this status. */
int container_hooks(const struct container *container, enum spec_hook_kind kind, const char *name, const char *status, struct rt_error *err);
