#include "runtime/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "runtime/clone.h"
#include "runtime/procfs.h"
#include "runtime/sync.h"

/* New namespaces, all but that of cgroups: its root must be the cgroup into which the process is put first. */
static uint64_t clone_flags(const struct init *init)
{
    uint64_t flags = 0;
    for (int kind = 0; kind < NS_KINDS; kind++) {
        const struct spec_namespace *namespace = &init->spec->linux.namespaces[kind];
        bool made_by_helper = kind == NS_TIME && init->helper;
        if (namespace->wanted && !namespace->path && kind != NS_CGROUP && !made_by_helper) flags |= (uint64_t)namespace_flag(kind);
    }
    return flags;
}

/* In the child it does not return. It must not hold the runtime's end of the socket: then it would never see the runtime go. */
static pid_t clone_init(struct init *init, uint64_t extra, int cgroup, int runtime_sync, int *pidfd, bool *born)
{
    struct clone_args args = {.flags = clone_flags(init) | extra, .exit_signal = extra & CLONE_PARENT ? 0u : (unsigned)SIGCHLD};
    if (pidfd) {
        args.flags |= CLONE_PIDFD;
        args.pidfd = (uint64_t)(uintptr_t)pidfd;
    }
    if (cgroup >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)(unsigned)cgroup;
    }
    pid_t pid = clone_process(&args, born);
    if (pid) return pid;
    close(runtime_sync);
    init_main(init);
}

/* proc(5), timens_offsets: to be written before the first process is born into the namespace. */
static int write_offsets(const struct spec_linux *linux, struct rt_error *err)
{
    auto_buf struct buf text = {0};
    auto_close int procfs = procfs_open(err);
    if (procfs < 0) return -1;
    if (linux->monotonic_set && buf_printf(&text, err, "monotonic %lld %u\n", (long long)linux->monotonic_s, linux->monotonic_ns)) return -1;
    if (linux->boottime_set && buf_printf(&text, err, "boottime %lld %u\n", (long long)linux->boottime_s, linux->boottime_ns)) return -1;
    return text.size ? procfs_write(procfs, "self/timens_offsets", text.data, err) : 0;
}

/*
 * Namespaces that another user namespace than the container's owns, the host's or that of another container, are out of reach once we are in the container's. What cannot be joined
 * from here is tried again from there. Not the mount namespace: the container's root could do nothing in one that is not its own.
 */
static void join_early(struct init *init)
{
    static const int KINDS[] = {NS_NETWORK, NS_IPC, NS_UTS, NS_CGROUP, NS_TIME};
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        int *fd = &init->namespaces[KINDS[i]];
        if (*fd >= 0 && setns(*fd, namespace_flag(KINDS[i])) == 0) util_close(fd);
    }
}

/* What a helper tells. */
struct helped {
    pid_t pid;
    bool born;
};

static int help(struct init *init, int cgroup, int runtime_sync, struct rt_error *err)
{
    struct helped helped;
    const struct spec_namespace *wanted = init->spec->linux.namespaces;
    join_early(init);
    if (namespace_join(NS_USER, init->namespaces[NS_USER], err) || namespace_join(NS_PID, init->namespaces[NS_PID], err)) return -1;
    if (wanted[NS_TIME].wanted && !wanted[NS_TIME].path) {
        if (unshare(namespace_flag(NS_TIME))) return rt_fail(err, "NATIVE_FAILED", errno, "unshare", "cannot make a time namespace");
        if (write_offsets(&init->spec->linux, err)) return -1;
    }
    helped.pid = clone_init(init, CLONE_PARENT, cgroup, runtime_sync, NULL, &helped.born);
    if (helped.pid < 0) return rt_fail(err, "NATIVE_FAILED", errno, "clone3", "cannot make the container's namespaces");
    return sync_send(init->sync, SYNC_PID, &helped, sizeof helped, -1) ? rt_fail(err, "NATIVE_FAILED", errno, "sendmsg", "cannot tell the runtime the container's pid") : 0;
}

static int spawn_with_helper(struct init *init, int cgroup, int runtime_sync, struct spawned *out, struct rt_error *err)
{
    struct helped helped;
    struct sync_message message;
    pid_t helper = fork();
    if (helper < 0) return rt_fail(err, "NATIVE_FAILED", errno, "fork", "cannot make the container's namespaces");
    if (helper == 0) {
        struct rt_error fault = {0};
        if (help(init, cgroup, runtime_sync, &fault)) sync_send(init->sync, SYNC_ERROR, &fault, sizeof fault, -1);
        _exit(0);
    }
    int result = sync_expect(runtime_sync, SYNC_PID, &message, err);
    while (waitpid(helper, NULL, 0) < 0 && errno == EINTR) continue;
    if (result) return -1;
    memcpy(&helped, message.data, sizeof helped);
    out->pid = helped.pid;
    out->born_in_cgroup = helped.born;
    /* Our own child, which nobody has reaped: the number still means it. */
    out->pidfd = (int)syscall(SYS_pidfd_open, out->pid, 0);
    return out->pidfd < 0 ? rt_fail(err, "NATIVE_FAILED", errno, "pidfd_open", "cannot watch the container's first process") : 0;
}

int spawn_init(struct init *init, int cgroup, int runtime_sync, struct spawned *out, struct rt_error *err)
{
    const struct spec_linux *linux = &init->spec->linux;
    init->user_namespace = linux->namespaces[NS_USER].wanted;
    bool joins = false;
    for (int kind = 0; kind < NS_KINDS; kind++) joins = joins || (kind != NS_MOUNT && init->namespaces[kind] >= 0);
    init->helper = init->namespaces[NS_PID] >= 0 || linux->monotonic_set || linux->boottime_set || (init->user_namespace && joins);
    if (init->helper) return spawn_with_helper(init, cgroup, runtime_sync, out, err);
    out->pid = clone_init(init, 0, cgroup, runtime_sync, &out->pidfd, &out->born_in_cgroup);
    if (out->pid < 0) {
        out->pid = 0;
        return rt_fail(err, errno == EPERM || errno == ENOSPC ? "FEATURE_MISSING" : "NATIVE_FAILED", errno, "clone3", "cannot make the container's namespaces");
    }
    return 0;
}
