#pragma once
#include <linux/filter.h>
#include <stdbool.h>

#include "base/error.h"
#include "runtime/spec.h"

/*
 * Turns the calling process, which is already in the container's namespaces and root, into the user's process. Used by init and by exec.
 *
 *     process_prepare   everything but the filter and the last capabilities: limits, scheduling, user, directory; finds the executable
 *     process_confine   seccomp, then the final capabilities; from here on only execve, write and exit are called
 *     process_exec      execve; returns only on failure
 */
struct process {
    const struct spec_process *spec;
    const struct sock_fprog *filter; /* NULL or len 0: none */
    uint32_t filter_flags;
    bool limited_cpus;      /* by a cpuset of the container's */
    bool setgroups_denied;  /* in a user namespace that maps one group */
    void (*warn)(void *context, const char *text);
    void *warn_context;
    /* set by process_prepare */
    char *executable;
    char **environment;
    uint64_t permitted, effective, inheritable; /* what process_confine leaves */
    int seccomp_listener;                       /* with NEW_LISTENER in filter_flags; else -1 */
};

/* Codes EXEC_NOT_FOUND, EXEC_DENIED with runc's words "executable file not found in $PATH" and "permission denied", by which clients choose 127 and 126. */
int process_prepare(struct process *process, int preserve_fds, struct rt_error *err);
int process_confine(struct process *process, struct rt_error *err);
int process_exec(const struct process *process, struct rt_error *err);

/* Only oom_score_adj: its place is before the user namespace. */
int process_oom_score(int procfd, pid_t pid, const struct spec_process *spec, struct rt_error *err);

/* Whether the user namespace of the calling process forbids setgroups, as one that an unprivileged user made with a single id does. */
bool process_setgroups_denied(int procfd);
