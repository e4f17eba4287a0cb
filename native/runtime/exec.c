#include "runtime/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "runtime/affinity.h"
#include "runtime/clone.h"
#include "runtime/external.h"
#include "runtime/keyring.h"
#include "runtime/lsm.h"
#include "runtime/namespace.h"
#include "runtime/process.h"
#include "runtime/procfs.h"
#include "runtime/seccomp.h"
#include "runtime/state.h"
#include "runtime/stdio.h"
#include "runtime/sync.h"
#include "runtime/terminal.h"

struct exec {
    const struct exec_params *params;
    int sync;
    struct sock_fprog filter;
    uint32_t filter_flags;
    int procfs; /* the host's, for what must not go through the container's */
};

static void warn_process(void *context, const char *text)
{
    const struct exec *exec = context;
    sync_send(exec->sync, SYNC_WARNING, text, strlen(text) + 1, -1);
}

static void debug(const struct exec *exec, const char *text)
{
    if (exec->params->debug) sync_send(exec->sync, SYNC_DEBUG, text, strlen(text) + 1, -1);
}

/* "affinity: 0x3", the CPUs on which the helper runs before it joins the container. */
static void debug_affinity(const struct exec *exec)
{
    unsigned long bits[CPU_SETSIZE / 8 / sizeof(unsigned long)] = {0};
    char text[64];
    if (!exec->params->debug || sched_getaffinity(0, sizeof bits, (cpu_set_t *)(void *)bits)) return;
    snprintf(text, sizeof text, "nsexec[%d]: affinity: 0x%lx", getpid(), bits[0]);
    debug(exec, text);
}

static int tell(const struct exec *exec, enum sync_type type, int fd, struct rt_error *err)
{
    return sync_send(exec->sync, type, NULL, 0, fd) ? rt_fail(err, "NATIVE_FAILED", errno, "sendmsg", "cannot talk to the runtime") : 0;
}

static int wait_go(const struct exec *exec, struct rt_error *err)
{
    struct sync_message message;
    return sync_expect(exec->sync, SYNC_GO, &message, err);
}

/* The namespaces in which the container differs from us: setns refuses to join the user namespace that one is in already. */
static int namespaces_to_join(const struct exec_params *params, int *flags, struct rt_error *err)
{
    *flags = 0;
    for (int kind = 0; kind < NS_KINDS; kind++) {
        struct stat own, theirs;
        char path[64];
        snprintf(path, sizeof path, "/proc/self/ns/%s", namespace_file(kind));
        bool here = stat(path, &own) == 0;
        snprintf(path, sizeof path, "/proc/%d/ns/%s", params->init_pid, namespace_file(kind));
        if (stat(path, &theirs)) {
            if (!here) continue; /* a kernel without this kind */
            return rt_fail(err, "NATIVE_FAILED", errno, "stat", "cannot look at the container's %s namespace", namespace_name(kind));
        }
        if (own.st_ino != theirs.st_ino || own.st_dev != theirs.st_dev) *flags |= namespace_flag(kind);
    }
    return 0;
}

/* A container in the host's mount namespace was put into its root by chroot alone; joining no namespace leads there. */
static int open_root(const struct exec_params *params, struct rt_error *err)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/root", params->init_pid);
    auto_close int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) return rt_fail(err, "NATIVE_FAILED", errno, "open", "cannot open the container's root");
    /* Who still lives had the number all the time. */
    if (syscall(SYS_pidfd_send_signal, params->init_pidfd, 0, NULL, 0)) return rt_fail(err, "CONTAINER_STOPPED", errno, "pidfd_send_signal", "the container has ended");
    return take_fd(&root);
}

/* stage 2: in the container; a child of the runtime, so that the pid namespace holds for us. */
static int become(struct exec *exec, struct rt_error *err)
{
    const struct exec_params *params = exec->params;
    const struct spec_process *spec = params->process;
    struct terminal terminal = {.master = -1, .slave = -1};
    struct process process = {.spec = spec, .filter = &exec->filter, .filter_flags = exec->filter_flags, .warn = warn_process, .warn_context = exec};
    if (wait_go(exec, err)) return -1;
    debug(exec, "child process in init()");
    if (params->die_with_parent) prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (setsid() < 0) return rt_fail(err, "NATIVE_FAILED", errno, "setsid", "cannot begin a session");
    if (spec->terminal) {
        auto_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (terminal_open(root, spec, params->plain_newlines, &terminal, err) || tell(exec, SYNC_TERMINAL, terminal.master, err) || terminal_take(&terminal, err)) return -1;
    } else if (stdio_take(params->stdio, &spec->user, err))
        return -1;
    if (keyring_join(params->id, spec->selinux_label, err)) return -1;
    const struct opt_u64 *persona = &params->spec->linux.personality;
    if (persona->set && personality((unsigned long)persona->value) < 0) return rt_fail(err, "NATIVE_FAILED", errno, "personality", "cannot set the personality");
    if (affinity_set(spec->cpu_affinity_final, err)) return -1;
    if (lsm_set_exec(exec->procfs, spec, err) < 0) return -1;
    process.setgroups_denied = process_setgroups_denied(exec->procfs);
    if (process_prepare(&process, params->preserve_fds, err)) return -1;
    debug(exec, "setns_init: about to exec");
    if (params->die_with_parent) prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (process_confine(&process, err)) return -1;
    if (process.seccomp_listener >= 0 && (tell(exec, SYNC_SECCOMP, process.seccomp_listener, err) || wait_go(exec, err))) return -1;
    return process_exec(&process, err);
}

/*
 * stage 1: a helper that joins everything at once by the pidfd, so that no path and no reused number can lead elsewhere, and then clones for the pid namespace.
 * Its memory and descriptors are hidden from those who are inside already.
 */
static int join_and_clone(struct exec *exec, struct rt_error *err)
{
    const struct exec_params *params = exec->params;
    int flags;
    reset_signals();
    umask(0);
    if (wait_go(exec, err)) return -1;
    if (params->all_cpus) affinity_reset();
    if (affinity_set(params->process->cpu_affinity_initial, err)) return -1;
    debug_affinity(exec);
    if ((exec->procfs = procfs_open(err)) < 0 || namespaces_to_join(params, &flags, err)) return -1;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) return rt_fail(err, "NATIVE_FAILED", errno, "prctl", "cannot hide the runtime's memory");
    auto_close int root = flags & CLONE_NEWNS ? -1 : open_root(params, err);
    if (!(flags & CLONE_NEWNS) && root < 0) return -1;
    if (flags && setns(params->init_pidfd, flags)) return rt_fail(err, "NATIVE_FAILED", errno, "setns", "cannot join the container's namespaces");
    if (flags & CLONE_NEWUSER && namespace_become_root(err)) return -1;
    if (root >= 0 && (fchdir(root) || chroot(".") || chdir("/"))) return rt_fail(err, "NATIVE_FAILED", errno, "chroot", "cannot enter the container's root");
    bool born;
    struct clone_args args = {.flags = CLONE_PARENT};
    pid_t pid = clone_process(&args, &born);
    if (pid < 0) return rt_fail(err, "NATIVE_FAILED", errno, "clone3", "cannot make a process in the container");
    if (pid == 0) {
        struct rt_error fault = {0};
        become(exec, &fault);
        sync_send(exec->sync, SYNC_ERROR, &fault, sizeof fault, -1);
        _exit(1);
    }
    return sync_send(exec->sync, SYNC_PID, &pid, sizeof pid, -1) ? rt_fail(err, "NATIVE_FAILED", errno, "sendmsg", "cannot talk to the runtime") : 0;
}

static int take_terminal(const struct exec_params *params, int fd, struct exec_result *out, struct rt_error *err)
{
    if (!params->console_socket) {
        out->terminal = fd;
        return 0;
    }
    int result = terminal_send(params->console_socket, fd, err);
    util_close(&fd);
    return result;
}

/* Until the process runs the user's program, which closes the socket. */
static int serve(const struct exec_params *params, int sock, struct exec_result *out, struct rt_error *err)
{
    struct sync_message message;
    for (int got; (got = sync_recv(sock, &message, err)) != 0;) {
        int result = 0;
        if (got < 0) return -1;
        switch (message.type) {
        case SYNC_DEBUG:
            if (params->debug) params->debug(params->warn_context, message.data);
            break;
        case SYNC_WARNING:
            if (params->warn) params->warn(params->warn_context, message.data);
            break;
        case SYNC_TERMINAL: result = take_terminal(params, message.fd, out, err); break;
        case SYNC_SECCOMP:
            result = state_send_listener(params->spec, params->id, out->pid, params->bundle, message.fd, err);
            util_close(&message.fd);
            if (!result && sync_send(sock, SYNC_GO, NULL, 0, -1)) result = rt_fail(err, "NATIVE_FAILED", errno, "sendmsg", "cannot reach the new process");
            break;
        case SYNC_ERROR:
            if (message.size == sizeof *err) memcpy(err, message.data, sizeof *err);
            return -1;
        default: return rt_fail(err, "NATIVE_FAILED", EPROTO, NULL, "the new process sent message %d", message.type);
        }
        if (result) return -1;
    }
    return 0;
}

static int oom_score(const struct exec_params *params, pid_t pid, struct rt_error *err)
{
    auto_close int procfs = procfs_open(err);
    return procfs < 0 ? -1 : process_oom_score(procfs, pid, params->process, err);
}

static int expect_pid(const struct exec_params *params, int sock, struct sync_message *message, struct rt_error *err)
{
    for (;;) {
        int got = sync_recv(sock, message, err);
        if (got < 0) return -1;
        if (got == 0) return rt_fail(err, "NATIVE_FAILED", 0, NULL, "the new process ended before it was set up");
        if (message->type == SYNC_PID) return 0;
        if (message->type == SYNC_DEBUG && params->debug) params->debug(params->warn_context, message->data);
        else if (message->type == SYNC_ERROR && message->size == sizeof *err) return memcpy(err, message->data, sizeof *err), -1;
        else if (message->type != SYNC_DEBUG) return rt_fail(err, "NATIVE_FAILED", EPROTO, NULL, "the new process sent message %d", message->type);
    }
}

static int settle(const struct exec_params *params, int sock, pid_t helper, bool born, struct exec_result *out, struct rt_error *err)
{
    struct sync_message message;
    struct rt_error ignored;
    if (params->cgroup && cgroup_join_running(params->cgroup, &params->sub_cgroups, helper, params->init_pid, born, err)) return -1;
    if (sync_send(sock, SYNC_GO, NULL, 0, -1)) return rt_fail(err, "NATIVE_FAILED", errno, "sendmsg", "cannot reach the new process");
    if (expect_pid(params, sock, &message, err)) return -1;
    memcpy(&out->pid, message.data, sizeof out->pid);
    out->pidfd = (int)syscall(SYS_pidfd_open, out->pid, 0);
    if (out->pidfd < 0) return rt_fail(err, "NATIVE_FAILED", errno, "pidfd_open", "cannot watch the new process");
    if (oom_score(params, out->pid, &ignored) && params->warn) params->warn(params->warn_context, ignored.message);
    if (sync_send(sock, SYNC_GO, NULL, 0, -1)) return rt_fail(err, "NATIVE_FAILED", errno, "sendmsg", "cannot reach the new process");
    return serve(params, sock, out, err);
}

/*
 * fork, into the container's cgroup of v2 where that can be: not below it, and not into one that has processes in cgroups of its own only (EBUSY, EOPNOTSUPP). Then the child is to be
 * moved.
 */
static pid_t fork_into_cgroup(const struct exec_params *params, bool *born)
{
    int directory = params->cgroup && !params->sub_cgroups.count ? cgroup_v2_directory(params->cgroup) : -1;
    struct clone_args elsewhere = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)(unsigned)directory};
    struct clone_args here = {.exit_signal = SIGCHLD};
    pid_t pid = directory >= 0 ? clone_process(&elsewhere, born) : -1;
    return pid >= 0 ? pid : clone_process(&here, born);
}

static int start(const struct exec_params *params, struct exec *exec, struct exec_result *out, struct rt_error *err)
{
    int pair[2];
    const struct spec_seccomp *seccomp = params->spec->linux.seccomp;
    if (seccomp && filter_compile(seccomp, params->seccomp_cache, &exec->filter, err)) return -1;
    exec->filter_flags = seccomp ? filter_load_flags(seccomp) : 0;
    if (sync_pair(pair, err)) return -1;
    auto_close int sock = pair[0];
    exec->sync = pair[1];
    if (params->debug) params->debug(params->warn_context, "nsexec container setup");
    bool born;
    pid_t helper = fork_into_cgroup(params, &born);
    if (helper == 0) {
        struct rt_error fault = {0};
        close(sock);
        if (join_and_clone(exec, &fault)) sync_send(exec->sync, SYNC_ERROR, &fault, sizeof fault, -1);
        _exit(0);
    }
    close(exec->sync);
    if (helper < 0) return rt_fail(err, "NATIVE_FAILED", errno, "fork", "cannot make a process in the container");
    int result = settle(params, sock, helper, born, out, err);
    util_close(&sock);
    sock = -1;
    while (waitpid(helper, NULL, 0) < 0 && errno == EINTR) continue;
    return result;
}

int exec_start(const struct exec_params *params, struct exec_result *out, struct rt_error *err)
{
    struct exec exec = {.params = params, .procfs = -1};
    *out = (struct exec_result){.pidfd = -1, .terminal = -1};
    int result = params->external ? external_exec(params, out, err) : start(params, &exec, out, err);
    free(exec.filter.filter);
    if (!result) return 0;
    if (out->pid > 0) {
        kill(out->pid, SIGKILL);
        while (waitpid(out->pid, NULL, 0) < 0 && errno == EINTR) continue;
    }
    util_close(&out->pidfd);
    util_close(&out->terminal);
    return -1;
}

void exec_inherit(struct spec_process *process, const struct spec_process *own)
{
    if (!own) return;
    if (!process->capabilities) process->capabilities = own->capabilities;
    if (!process->apparmor_profile) process->apparmor_profile = own->apparmor_profile;
    if (!process->selinux_label) process->selinux_label = own->selinux_label;
    if (!process->oom_score_adj.set) process->oom_score_adj = own->oom_score_adj;
    process->no_new_privs = process->no_new_privs || own->no_new_privs;
}
