#include "runtime/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/util.h"
#include "runtime/accounts.h"
#include "runtime/caps.h"
#include "runtime/executable.h"
#include "runtime/procfs.h"
#include "runtime/seccomp.h"

static void warn(const struct process *process, const char *text)
{
    if (process->warn) process->warn(process->warn_context, text);
}

/* struct sched_attr of linux/sched/types.h, which older C libraries cannot have beside sched.h. */
struct scheduling {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

static int set_scheduler(const struct spec_process *spec, bool limited_cpus, struct rt_error *err)
{
    const struct spec_scheduler *s = spec->scheduler;
    if (!s) return 0;
    struct scheduling attr = {.size = sizeof attr, .policy = s->policy, .flags = s->flags, .nice = s->nice, .priority = (uint32_t)s->priority,
                              .runtime = s->runtime, .deadline = s->deadline, .period = s->period};
    if (syscall(SYS_sched_setattr, 0, &attr, 0) == 0) return 0;
    /* sched_setattr(2): it wants a thread that may run on all CPUs of the system. */
    const char *hint = errno == EPERM && s->policy == SCHED_DEADLINE && limited_cpus ? " (process scheduler can't be used together with AllowedCPUs)" : "";
    return rt_fail(err, "NATIVE_FAILED", errno, "sched_setattr", "cannot set the scheduler%s", hint);
}

static int set_io_priority(const struct spec_process *spec, struct rt_error *err)
{
    enum { IOPRIO_WHO_PROCESS = 1 };
    if (!spec->io_priority.set || syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, spec->io_priority.value) == 0) return 0;
    return rt_fail(err, "NATIVE_FAILED", errno, "ioprio_set", "cannot set the I/O priority");
}

/* Raising a hard limit takes CAP_SYS_RESOURCE, which hosts inside of containers and virtual machines often lack: as high as it goes, and said so. */
static int set_rlimits(const struct process *process, struct rt_error *err)
{
    for (size_t i = 0; i < process->spec->rlimit_count; i++) {
        const struct spec_rlimit *limit = &process->spec->rlimits[i];
        struct rlimit now, wanted = limit->value;
        if (setrlimit((__rlimit_resource_t)limit->resource, &wanted) == 0) continue;
        if (errno != EPERM || getrlimit((__rlimit_resource_t)limit->resource, &now))
            return rt_fail(err, "NATIVE_FAILED", errno, "setrlimit", "cannot set resource limit %d", limit->resource);
        char text[256];
        snprintf(text, sizeof text, "cannot raise resource limit %d to %llu without CAP_SYS_RESOURCE: it stays at %llu", limit->resource, (unsigned long long)wanted.rlim_max,
                 (unsigned long long)now.rlim_max);
        warn(process, text);
        wanted.rlim_max = now.rlim_max;
        if (wanted.rlim_cur > now.rlim_max) wanted.rlim_cur = now.rlim_max;
        if (setrlimit((__rlimit_resource_t)limit->resource, &wanted)) return rt_fail(err, "NATIVE_FAILED", errno, "setrlimit", "cannot set resource limit %d", limit->resource);
    }
    return 0;
}

/* What the runtime itself does not have it cannot give. */
static void warn_of_missing(const struct process *process, uint64_t missing)
{
    char text[512] = "the runtime lacks capabilities that the container asks for, it goes without:";
    if (!missing) return;
    for (int number = 0; caps_name(number); number++) {
        size_t length = strlen(text);
        if (missing >> number & 1) snprintf(text + length, sizeof text - length, " CAP_%s", caps_name(number));
    }
    warn(process, text);
}

static void warn_of_ambient(const struct process *process, uint64_t refused)
{
    char text[128];
    for (int number = 0; caps_name(number); number++) {
        snprintf(text, sizeof text, "can't raise ambient capability CAP_%s: it is not both permitted and inheritable", caps_name(number));
        if (refused >> number & 1) warn(process, text);
    }
}

/*
 * The bounding set goes before the user changes (CVE-2022-29162: inheritable stays empty unless asked for). A filter without no_new_privs needs CAP_SYS_ADMIN when it
 * is loaded, so that one capability stays permitted until process_confine.
 */
static int set_user(struct process *process, struct rt_error *err)
{
    const struct spec_user *user = &process->spec->user;
    const struct spec_capabilities *caps = process->spec->capabilities;
    uint64_t now = caps_permitted();
    bool filter_needs_admin = process->filter && process->filter->len && !process->spec->no_new_privs;
    uint64_t keep = filter_needs_admin ? now & (1ull << CAP_SYS_ADMIN) : 0;
    if (caps) warn_of_missing(process, caps->permitted & ~now);
    process->permitted = caps ? caps->permitted & now : user->uid == 0 ? now : 0;
    process->effective = caps ? caps->effective & process->permitted : process->permitted;
    process->inheritable = caps ? caps->inheritable & now : 0;
    if (caps && (now >> CAP_SETPCAP & 1) && caps_drop_bounding(caps->bounding, err)) return -1;
    warn_of_ambient(process, caps ? caps->ambient & ~(process->permitted & process->inheritable) : 0);
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)) return rt_fail(err, "NATIVE_FAILED", errno, "prctl", "cannot keep the capabilities");
    if (!process->setgroups_denied && setgroups(user->group_count, user->groups)) return rt_fail(err, "NATIVE_FAILED", errno, "setgroups", "cannot set the additional groups");
    if (setresgid(user->gid, user->gid, user->gid)) return rt_fail(err, "NATIVE_FAILED", errno, "setresgid", "cannot become group %u", user->gid);
    if (setresuid(user->uid, user->uid, user->uid)) return rt_fail(err, "NATIVE_FAILED", errno, "setresuid", "cannot become user %u", user->uid);
    if (caps_set(process->permitted | keep, process->effective | keep, process->inheritable, err)) return -1;
    return caps ? caps_raise_ambient(caps->ambient & process->permitted & process->inheritable, err) : 0;
}

/* CVE-2024-21626: a directory reached through a leaked descriptor lies outside of the root, and the kernel then gives no path that starts with "/". */
static int enter_directory(const struct spec_process *spec, bool entered, struct rt_error *err)
{
    char path[PATH_MAX];
    if (!entered && chdir(spec->cwd)) {
        bool missing = errno == ENOENT || errno == ENOTDIR;
        return rt_fail_at(err, spec->cwd, missing ? "EXEC_NOT_FOUND" : "EXEC_DENIED", errno, "chdir", "cannot enter the working directory '%s'", spec->cwd);
    }
    if (syscall(SYS_getcwd, path, sizeof path) < 0 || path[0] != '/')
        return rt_fail_at(err, spec->cwd, "EXEC_DENIED", 0, NULL, "the working directory '%s' is outside of the container's root", spec->cwd);
    return 0;
}

/* Of several values of one name the last one counts; getenv(3) would find the first. */
static bool is_overridden(const struct spec_strings *env, size_t i)
{
    size_t length = strcspn(env->items[i], "=");
    for (size_t k = i + 1; k < env->count; k++)
        if (strncmp(env->items[i], env->items[k], length) == 0 && env->items[k][length] == env->items[i][length]) return true;
    return false;
}

/* A process without HOME would write to the working directory: passwd's, else "/". */
static int make_environment(struct process *process, struct rt_error *err)
{
    const struct spec_strings *env = &process->spec->env;
    process->environment = calloc(env->count + 2, sizeof *process->environment);
    if (!process->environment) return rt_nomem(err);
    bool has_home = false;
    size_t count = 0;
    for (size_t i = 0; i < env->count; i++) {
        bool home = strncmp(env->items[i], "HOME=", 5) == 0;
        if ((home && !env->items[i][5]) || is_overridden(env, i)) continue;
        has_home = has_home || home;
        process->environment[count++] = (char *)env->items[i];
    }
    if (has_home) return 0;
    auto_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_free char *home = accounts_home(root, process->spec->user.uid, err);
    return home && (process->environment[count] = rt_printf(err, "HOME=%s", home)) ? 0 : -1;
}

/* Nothing but the standard streams and what was asked for reaches the user's process; close-on-exec, since errors are still to be told. */
static int hide_descriptors(int preserve_fds, struct rt_error *err)
{
    if (close_descriptors(3 + (unsigned)preserve_fds, UINT_MAX, CLOSE_RANGE_CLOEXEC)) return rt_fail(err, "NATIVE_FAILED", errno, "close_range", "cannot close inherited descriptors");
    return 0;
}

int process_prepare(struct process *process, int preserve_fds, struct rt_error *err)
{
    const struct spec_process *spec = process->spec;
    process->seccomp_listener = -1;
    if (set_scheduler(spec, process->limited_cpus, err) || set_io_priority(spec, err) || set_rlimits(process, err)) return -1;
    umask(spec->user.umask);
    if (make_environment(process, err)) return -1;
    /* With the rights that we still have, as runc does it: root without CAP_DAC_OVERRIDE could not enter another's home. A file server that knows no root is asked again as the user. */
    bool entered = chdir(spec->cwd) == 0;
    if (set_user(process, err) || enter_directory(spec, entered, err)) return -1;
    if (spec->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return rt_fail(err, "NATIVE_FAILED", errno, "prctl", "cannot set no_new_privs");
    process->executable = executable_find(spec->args.items[0], (const char *const *)process->environment, err);
    return process->executable ? hide_descriptors(preserve_fds, err) : -1;
}

int process_confine(struct process *process, struct rt_error *err)
{
    bool filtered = process->filter && process->filter->len;
    if (filtered && filter_load(process->filter, process->filter_flags, &process->seccomp_listener, err)) return -1;
    return caps_set(process->permitted, process->effective, process->inheritable, err);
}

int process_exec(const struct process *process, struct rt_error *err)
{
    execve(process->executable, (char *const *)process->spec->args.items, process->environment);
    return executable_refused(process->spec->args.items[0], errno, err);
}

int process_oom_score(int procfd, pid_t pid, const struct spec_process *spec, struct rt_error *err)
{
    char path[64], value[16];
    if (!spec || !spec->oom_score_adj.set) return 0;
    snprintf(path, sizeof path, "%d/oom_score_adj", pid);
    snprintf(value, sizeof value, "%d", (int)spec->oom_score_adj.value);
    return procfs_write(procfd, path, value, err);
}

bool process_setgroups_denied(int procfd)
{
    char text[8] = "";
    auto_close int fd = procfs_open_at(procfd, "self/setgroups", O_RDONLY);
    return fd >= 0 && read_all(fd, text, sizeof text - 1) > 0 && strncmp(text, "deny", 4) == 0;
}
