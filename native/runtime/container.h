#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "runtime/mount_point.h"
#include "runtime/spec.h"

/*
 * One container from its config to its exit. The sandbox, the monitor and the OCI verbs all go this way:
 *
 *     runtime_create   namespaces, cgroup, mounts, everything but the process itself; the init process waits
 *     runtime_start    the init process becomes the user's process; failures of execve are reported here
 *     runtime_wait     until it ends
 *     runtime_delete   kills what is left, removes cgroup and record
 *
 * All of it must be called by a single-threaded process. The init process is a direct child of the caller.
 */
struct container;

enum cgroup_driver { CGROUP_NONE, CGROUP_CGROUPFS, CGROUP_SYSTEMD };

/* A subtree of a tree (tree_open with TREE_MOUNT; used up by the container) that is mounted at `target`. */
struct runtime_tree_mount {
    int tree;
    const char *source, *target;
    size_t before; /* mounted before this one of spec->mounts */
    bool readonly;
};

/* Another OCI runtime that does the work: its program, and the directory for its own records. */
struct runtime_external {
    const char *path, *root;
};

struct runtime_params {
    const char *id;     /* checked: 1 to 1024 characters of [A-Za-z0-9_+.-], not "." or ".." */
    const char *bundle; /* absolute; base of a relative root.path and told to hooks */
    /*
     * The container's own directory, existing and private to the caller: state.json, a copy of the config and the start socket go there, so that
     * other processes can start, exec, kill and delete. NULL: no record, the container lives and dies with the caller (sandbox).
     */
    const char *state_dir;
    int rootfs; /* mount to become the root, from tree_open with TREE_MOUNT, used up by the container; -1: root.path of the spec */
    const struct runtime_tree_mount *trees;
    size_t tree_count;
    struct mount_points *mount_points; /* told of everything that is made in the root to be mounted upon; may be NULL */
    int stdio[3];             /* descriptors for the process; -1: those of the caller. Not used with a terminal */
    int preserve_fds;         /* descriptors 3 … 2 + n stay open in the process */
    const char *console_socket; /* with process.terminal: the terminal is sent to this socket; NULL: take it by runtime_take_terminal */
    bool plain_newlines;        /* lines of the terminal end as in a file, for a caller that has no terminal to print them on */
    const char *pid_file;       /* written once the init process exists */
    enum cgroup_driver cgroup;
    const char *cgroup_path; /* below the root of each hierarchy; NULL: spec->linux.cgroups_path, else tsbuild/<id> */
    int seccomp_cache;       /* directory for compiled filters, private to the caller; -1: none */
    const struct runtime_external *external; /* NULL: built in */
    bool start_later;        /* `start` comes from another process, over state_dir/start.sock */
    bool whole_cgroup;       /* in every v1 hierarchy, not only where the limits need it: for other programs that look there, and for figures */
    bool die_with_parent;    /* the init process is killed when the calling process ends in whatever way */
    bool no_pivot;           /* MS_MOVE and chroot for a host whose root is the initramfs */
    bool no_new_keyring;
    bool no_subreaper;
    bool all_cpus;           /* those of the cgroup, not of the caller */
    bool init;               /* a built-in pid 1 reaps zombies and forwards signals to the process */
    /*
     * Called when the namespaces exist and nothing runs in them yet: the place to attach a network. Later the init process hides its memory, and without CAP_SYS_PTRACE
     * nobody can open its namespaces any more. May be NULL.
     */
    int (*attach)(void *context, pid_t pid, struct rt_error *err);
    void *attach_context;
    void (*warn)(void *context, const char *text); /* told of what was not possible and could be done without; may be NULL */
    void (*debug)(void *context, const char *text); /* told what is being done, with the context of `warn`; may be NULL */
    void *warn_context;
};

struct runtime_exit {
    int code;       /* exit code; 128 + signal where a signal ended it */
    int signal;     /* 0: ended by itself */
    bool oom_killed;
    uint64_t cpu_us;      /* of the cgroup; without one of the init process and its reaped children */
    uint64_t memory_peak; /* bytes, 0 where the kernel does not tell */
};

/*
 * Codes: RUNTIME_CONFIG_INVALID (the spec), EXEC_NOT_FOUND and EXEC_DENIED (process.args[0] or cwd), MOUNT_FAILED, CGROUP_FAILED, FEATURE_MISSING, else NATIVE_FAILED.
 * On failure nothing is left: no process, no cgroup, no mount; the files in state_dir are removed.
 */
int runtime_create(const struct spec *spec, const struct runtime_params *params, struct container **out, struct rt_error *err);

/* Of the init process: its pid as the caller sees it, and a pidfd that belongs to the container and becomes readable when it ends. */
pid_t runtime_pid(const struct container *container);
int runtime_pidfd(const struct container *container);

/* The master side of the terminal, once; the caller closes it. -1 where there is none. */
int runtime_take_terminal(struct container *container);

int runtime_start(struct container *container, struct rt_error *err);

/*
 * Takes the container into the v1 hierarchies that its limits did not need (see `whole_cgroup`), for its figures and for limits that come later. Takes tens of milliseconds on a host
 * that has such hierarchies; nothing happens on one of v2 alone, or the second time.
 */
int runtime_widen_cgroup(struct container *container, struct rt_error *err);

/* Waits for the init process and reaps it. With `block` false: 1 when it still runs. */
int runtime_wait(struct container *container, bool block, struct runtime_exit *out, struct rt_error *err);

/* Sends `signal` to the init process or to every process of the container. A process that has ended is no error. */
int runtime_kill(const struct container *container, int signal, bool all, struct rt_error *err);

int runtime_pause(const struct container *container, bool pause, struct rt_error *err);

struct state;
struct cgroup;

/*
 * A container that another process has created, by its own directory; members of `params` that the record has are taken from there. It can be killed, paused, updated and
 * deleted; runtime_wait tells that it ended, not how.
 */
int runtime_open(int directory, const struct runtime_params *params, struct container **out, struct rt_error *err);
const struct spec *runtime_spec(const struct container *container);
const struct state *runtime_state(const struct container *container); /* NULL for one that was created here */
const struct cgroup *runtime_cgroup(const struct container *container);
bool runtime_ended(const struct container *container);
/* Frees the handle and leaves the container as it is. */
void runtime_close(struct container *container);

/* Kills what still runs, reaps the init process, runs poststop hooks, removes cgroup and record and frees the handle, even when it fails. A first process that cannot be killed is CONTAINER_RUNNING: everything stays for another try. */
int runtime_delete(struct container *container, struct rt_error *err);

/* Applies new limits; only members that are set are changed. */
int runtime_update(const struct container *container, const struct spec_resources *resources, struct rt_error *err);
