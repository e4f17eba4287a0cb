#pragma once
#include "base/error.h"
#include "runtime/cgroup.h"
#include "runtime/container.h"
#include "runtime/spec.h"

/*
 * One more process in a running container: the same namespaces, cgroup, seccomp filter and security labels, and no more rights than the container's own process unless the
 * caller says so.
 */
struct exec_params {
    int init_pidfd;           /* of the container's first process */
    pid_t init_pid;
    const struct spec *spec;  /* the container's */
    const struct spec_process *process;
    const struct cgroup *cgroup; /* NULL: that of the first process is left alone and the caller's kept */
    struct spec_strings sub_cgroups; /* below the container's, see cgroup_join_running */
    int stdio[3];
    int preserve_fds;
    int seccomp_cache;
    const char *id, *bundle;
    bool plain_newlines; /* of a terminal: as in runtime_params */
    const char *console_socket; /* with process->terminal; NULL: take it from the result */
    bool all_cpus;       /* as in runtime_params */
    bool die_with_parent;
    const struct runtime_external *external; /* the runtime that made the container; NULL: built in */
    void (*warn)(void *context, const char *text);
    void (*debug)(void *context, const char *text); /* told what is being done, with the context of `warn`; may be NULL */
    void *warn_context;
};

struct exec_result {
    pid_t pid; /* a child of the caller */
    int pidfd, terminal;
};

/* Returns once the process runs the user's program. Codes as runtime_start. */
int exec_start(const struct exec_params *params, struct exec_result *out, struct rt_error *err);

/* What a process object leaves out of its rights is as the container's own process has it. */
void exec_inherit(struct spec_process *process, const struct spec_process *own);
