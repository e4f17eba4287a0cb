#include "runtime/init.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/path.h"
#include "base/util.h"
#include "runtime/affinity.h"
#include "runtime/hooks.h"
#include "runtime/keyring.h"
#include "runtime/lsm.h"
#include "runtime/memory_policy.h"
#include "runtime/process.h"
#include "runtime/procfs.h"
#include "runtime/reaper.h"
#include "runtime/rootfs.h"
#include "runtime/state.h"
#include "runtime/stdio.h"
#include "runtime/sync.h"
#include "runtime/terminal.h"

void init_debug(const struct init *init, const char *text)
{
    if (init->params->debug) sync_send(init->sync, SYNC_DEBUG, text, strlen(text) + 1, -1);
}

void init_warn(const struct init *init, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    sync_send(init->sync, SYNC_WARNING, text, strlen(text) + 1, -1);
}

static void warn_process(void *context, const char *text)
{
    init_warn(context, "%s", text);
}

static int tell(const struct init *init, enum sync_type type, int fd, struct rt_error *err)
{
    return sync_send(init->sync, type, NULL, 0, fd) ? rt_fail(err, "NATIVE_FAILED", errno, "sendmsg", "cannot talk to the runtime") : 0;
}

static int wait_go(int sock, struct rt_error *err)
{
    struct sync_message message;
    return sync_expect(sock, SYNC_GO, &message, err);
}

static int die_with_parent(const struct init *init, struct rt_error *err)
{
    if (!init->params->die_with_parent) return 0;
    return prctl(PR_SET_PDEATHSIG, SIGKILL) ? rt_fail(err, "NATIVE_FAILED", errno, "prctl", "cannot bind the container to the runtime") : 0;
}

static int loopback_up(struct rt_error *err)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    auto_close int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (sock < 0 || ioctl(sock, SIOCSIFFLAGS, &request)) return rt_fail(err, "NATIVE_FAILED", errno, "ioctl", "cannot bring up the loopback interface");
    return 0;
}

/*
 * stage 1, namespaces: we are in those that are new, all but the cgroup namespace, and wait until the runtime has written the id maps and put us into
 * our cgroups; then we join what is to be joined. The cgroup namespace comes last, its root is the cgroup of the process that makes it.
 */
static int enter_namespaces(struct init *init, struct rt_error *err)
{
    static const int LATE[] = {NS_NETWORK, NS_IPC, NS_UTS, NS_TIME, NS_MOUNT, NS_CGROUP};
    const struct spec_namespace *wanted = init->spec->linux.namespaces;
    prctl(PR_SET_NAME, "tsbuild:init");
    reset_signals();
    umask(0);
    if (die_with_parent(init, err) || wait_go(init->sync, err)) return -1;
    init_debug(init, "child process in init()");
    if (init->params->all_cpus) affinity_reset();
    for (size_t i = 0; i < ARRAY_LEN(LATE); i++)
        if (namespace_join(LATE[i], init->namespaces[LATE[i]], err)) return -1;
    if (init->user_namespace && namespace_become_root(err)) return -1;
    if (wanted[NS_CGROUP].wanted && !wanted[NS_CGROUP].path && unshare(CLONE_NEWCGROUP)) return rt_fail(err, "NATIVE_FAILED", errno, "unshare", "cannot make a cgroup namespace");
    if (wanted[NS_NETWORK].wanted && !wanted[NS_NETWORK].path && loopback_up(err)) return -1;
    /* Nobody inside may look at the runtime's memory and descriptors while it is there. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) return rt_fail(err, "NATIVE_FAILED", errno, "prctl", "cannot hide the runtime's memory");
    if (setsid() < 0 && errno != EPERM) return rt_fail(err, "NATIVE_FAILED", errno, "setsid", "cannot begin a session");
    return (init->procfs = procfs_open(err)) < 0 ? -1 : 0;
}

static int set_names(const struct spec *spec, struct rt_error *err)
{
    if (spec->hostname && sethostname(spec->hostname, strlen(spec->hostname))) return rt_fail(err, "NATIVE_FAILED", errno, "sethostname", "cannot set the hostname '%s'", spec->hostname);
    if (spec->domainname && setdomainname(spec->domainname, strlen(spec->domainname)))
        return rt_fail(err, "NATIVE_FAILED", errno, "setdomainname", "cannot set the domain name '%s'", spec->domainname);
    return 0;
}

/* "net.ipv4.ip_forward" and "net/ipv4/conf/eth0.1/forwarding": as in sysctl(8), the first separator tells which of both spellings it is. */
static int set_sysctls(const struct init *init, struct rt_error *err)
{
    for (size_t i = 0; i < init->spec->linux.sysctl.count; i++) {
        const struct spec_pair *pair = &init->spec->linux.sysctl.items[i];
        auto_free char *path = rt_printf(err, "sys/%s", pair->key);
        if (!path) return -1;
        if (pair->key[strcspn(pair->key, "./")] == '.')
            for (char *c = path + strlen("sys/"); *c; c++) *c = *c == '.' ? '/' : *c == '/' ? '.' : *c;
        if (procfs_write(init->procfs, path, pair->value, err)) return rt_wrap(err, "cannot set sysctl '%s'", pair->key);
    }
    return 0;
}

static char *state_text(const struct init *init, const char *status, struct rt_error *err)
{
    return state_json(init->spec, init->params->id, status, getpid(), init->params->bundle, err);
}

/* The hooks between mounts and pivot: first those of the runtime's side, which it runs when told, then those of this namespace. */
static int hooks_before_pivot(struct init *init, struct rt_error *err)
{
    const struct spec_hooks *hooks = init->spec->hooks;
    if ((hooks[HOOK_PRESTART].count || hooks[HOOK_CREATE_RUNTIME].count) && (tell(init, SYNC_HOOKS, -1, err) || wait_go(init->sync, err))) return -1;
    if (!hooks[HOOK_CREATE_CONTAINER].count) return 0;
    /* The bundle is the working directory of these hooks, as in crun (in runc it is the root); root of a user namespace may be unable to enter it. */
    if (init->params->bundle) (void)!chdir(init->params->bundle);
    auto_free char *state = state_text(init, "creating", err);
    return state ? hooks_run(&hooks[HOOK_CREATE_CONTAINER], "createContainer", state, err) : -1;
}

/* The working directory is made where it is missing, as runc does. Where that cannot be, entering it tells why. */
static void make_cwd(const struct init *init, int rootfd)
{
    struct rt_error ignored;
    const struct spec_process *process = init->spec->process;
    auto_close int there = process ? try_open_in_root(rootfd, process->cwd, O_PATH, 0) : -1;
    if (!process || there >= 0) return;
    auto_close int made = mkdirs_in_root(rootfd, process->cwd, 0755, NULL, NULL, &ignored);
    (void)made;
}

static int set_terminal(struct init *init, int rootfd, struct terminal *terminal, struct rt_error *err)
{
    const struct spec_process *process = init->spec->process;
    *terminal = (struct terminal){.master = -1, .slave = -1};
    if (!process || !process->terminal) return 0;
    return terminal_open(rootfd, process, init->params->plain_newlines, terminal, err) || terminal_bind_console(rootfd, terminal, err) || tell(init, SYNC_TERMINAL, terminal->master, err) ? -1 : 0;
}

/* stage 2, file system: root of our own namespaces, the host's tree in sight; after the pivot it is gone for good. */
static int enter_root(struct init *init, struct terminal *terminal, struct rt_error *err)
{
    auto_close int rootfd = -1;
    bool own = init->spec->linux.namespaces[NS_MOUNT].wanted;
    if (set_names(init->spec, err) || set_sysctls(init, err)) return -1;
    if (!own && init->root_tree >= 0) make_cwd(init, init->root_tree);
    if (!own && !rootfs_needs_mounts(init)) return hooks_before_pivot(init, err) || rootfs_chroot(init, -1, err) ? -1 : 0;
    if (own ? rootfs_attach(init, &rootfd, err) : rootfs_detached(init, &rootfd, err)) return -1;
    if (rootfs_mounts(init, rootfd, err)) return own ? -1 : rt_wrap(err, "without a mount namespace (mounts there need Linux 6.15)");
    if (set_terminal(init, rootfd, terminal, err) || rootfs_seal(init->spec, rootfd, err)) return -1;
    make_cwd(init, rootfd);
    if (hooks_before_pivot(init, err) || rootfs_finish(init, rootfd, err)) return -1;
    return own ? rootfs_pivot(init, rootfd, err) : rootfs_chroot(init, rootfd, err);
}

static int take_stdio(const struct init *init, struct terminal *terminal, struct rt_error *err)
{
    return terminal->slave >= 0 ? terminal_take(terminal, err) : stdio_take(init->params->stdio, &init->spec->process->user, err);
}

/* stage 3, process: inside for good; rights are given up step by step. The user's executable is looked for here, so that `create` already tells when it is missing. */
static int become_process(struct init *init, struct process *process, struct terminal *terminal, struct rt_error *err)
{
    const struct spec *spec = init->spec;
    if (take_stdio(init, terminal, err)) return -1;
    if (!init->params->no_new_keyring && keyring_join(init->params->id, spec->process->selinux_label, err)) return -1;
    if (spec->linux.personality.set && personality((unsigned long)spec->linux.personality.value) < 0) return rt_fail(err, "NATIVE_FAILED", errno, "personality", "cannot set the personality");
    if (memory_policy_set(spec->linux.memory_policy, err)) return -1;
    int missing = lsm_set_exec(init->procfs, spec->process, err);
    if (missing < 0) return -1;
    if (missing) init_warn(init, "the kernel has no such security module: the AppArmor profile or SELinux label is not applied");
    /* podman's `--group-add keep-groups`, by crun's annotation: groups that a user namespace could not set again. */
    const char *keep_groups = spec_annotation(spec, "run.oci.keep_original_groups");
    process->setgroups_denied = process_setgroups_denied(init->procfs) || (keep_groups && strcmp(keep_groups, "1") == 0);
    util_close(&init->procfs);
    init->procfs = -1;
    return process_prepare(process, init->params->preserve_fds, err);
}

/* The kernel keeps signals without a handler from the first process of a pid namespace; who stops a container that was never started uses SIGTERM. */
static void end_by_signal(int signo)
{
    _exit(128 + signo);
}

/* The start comes from the creating process, or from another one through the listening socket. */
static int wait_start(struct init *init, struct rt_error *err)
{
    if (init->listener < 0) return wait_go(init->sync, err);
    int from;
    struct sigaction usual = {.sa_handler = SIG_DFL};
    do from = accept4(init->listener, NULL, NULL, SOCK_CLOEXEC);
    while (from < 0 && errno == EINTR);
    if (from < 0) return rt_fail(err, "NATIVE_FAILED", errno, "accept4", "cannot wait for the start");
    util_close(&init->sync);
    util_close(&init->listener);
    init->sync = from;
    init->listener = -1;
    int result = wait_go(init->sync, err) || tell(init, SYNC_GO, -1, err) ? -1 : 0;
    sigaction(SIGTERM, &usual, NULL);
    return result;
}

/* stage 4, start: what is left is the user's own; after process_confine nothing but execve and the report of its failure. */
static int start(struct init *init, struct process *process, struct rt_error *err)
{
    /* These are files of the container: they get neither the runtime's environment nor system calls that the filter denies. */
    struct spec_hooks hooks = init->spec->hooks[HOOK_START_CONTAINER];
    hooks.environment = process->environment;
    hooks.filter = init->filter.len ? &init->filter : NULL;
    if (wait_start(init, err)) return -1;
    if (hooks.count) {
        auto_free char *state = state_text(init, "created", err);
        if (!state || hooks_run(&hooks, "startContainer", state, err)) return -1;
    }
    if (init->params->init && reaper_split(err)) return -1;
    init_debug(init, "init: closing the pipe to signal completion");
    /* Cleared by the change of user. */
    if (die_with_parent(init, err) || process_confine(process, err)) return -1;
    if (process->seccomp_listener >= 0 && (tell(init, SYNC_SECCOMP, process->seccomp_listener, err) || wait_go(init->sync, err))) return -1;
    return process_exec(process, err);
}

/* The start may be long in coming; until then nothing of the runtime's and the host's stays open here. */
static int close_rest(const struct init *init, struct rt_error *err)
{
    const int kept[] = {init->sync, init->listener};
    if (init->listener < 0 || close_all_but(3 + (unsigned)init->params->preserve_fds, kept, ARRAY_LEN(kept)) == 0) return 0;
    return rt_fail(err, "NATIVE_FAILED", errno, "close_range", "cannot close the runtime's descriptors");
}

/* Who hears of it may stop the container at once. */
static int tell_ready(struct init *init, struct rt_error *err)
{
    if (close_rest(init, err)) return -1;
    struct sigaction end = {.sa_handler = end_by_signal};
    if (init->listener >= 0) sigaction(SIGTERM, &end, NULL);
    return tell(init, SYNC_READY, -1, err);
}

/* runtime-spec, "start": it must generate an error if `process` was not set; until then the container is there. */
static int wait_without_process(struct init *init, struct rt_error *err)
{
    if (tell_ready(init, err) || wait_start(init, err)) return -1;
    return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "the config has no process to start");
}

static int run(struct init *init, struct rt_error *err)
{
    struct terminal terminal = {.master = -1, .slave = -1};
    struct process process = {.spec = init->spec->process, .filter = &init->filter, .filter_flags = init->filter_flags,
                              .limited_cpus = init->spec->linux.resources && init->spec->linux.resources->cpu.cpus,
                              .warn = warn_process, .warn_context = init};
    if (enter_namespaces(init, err) || enter_root(init, &terminal, err)) return -1;
    if (!init->spec->process) return wait_without_process(init, err);
    if (become_process(init, &process, &terminal, err) || tell_ready(init, err)) return -1;
    return start(init, &process, err);
}

void init_main(struct init *init)
{
    struct rt_error err = {0};
    run(init, &err);
    sync_send(init->sync, SYNC_ERROR, &err, sizeof err, -1);
    _exit(1);
}
