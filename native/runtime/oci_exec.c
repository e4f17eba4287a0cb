#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/util.h"
#include "runtime/caps.h"
#include "runtime/exec.h"
#include "runtime/foreground.h"
#include "runtime/oci.h"
#include "runtime/seccomp_cache.h"
#include "runtime/send_fd.h"
#include "runtime/state.h"

enum { PROCESS_LIMIT = 16 << 20 };

struct options {
    const char *process, *cwd, *user, *console_socket, *pid_file, *pidfd_socket, *label, *apparmor;
    struct spec_strings env, caps, groups, cgroups;
    int64_t preserve_fds;
    bool tty, detach, no_new_privs, ignore_paused;
};

static int parse(const struct oci *oci, struct options *o, int *argc, char **argv, struct rt_error *err)
{
    const struct oci_flag flags[] = {
        {"process", 'p', FLAG_TEXT, &o->process},
        {"cwd", 0, FLAG_TEXT, &o->cwd},
        {"user", 'u', FLAG_TEXT, &o->user},
        {"env", 'e', FLAG_LIST, &o->env},
        {"cap", 'c', FLAG_LIST, &o->caps},
        {"additional-gids", 'g', FLAG_LIST, &o->groups},
        {"tty", 't', FLAG_BOOL, &o->tty},
        {"detach", 'd', FLAG_BOOL, &o->detach},
        {"console-socket", 0, FLAG_TEXT, &o->console_socket},
        {"pid-file", 0, FLAG_TEXT, &o->pid_file},
        {"pidfd-socket", 0, FLAG_TEXT, &o->pidfd_socket},
        {"process-label", 0, FLAG_TEXT, &o->label},
        {"apparmor", 0, FLAG_TEXT, &o->apparmor},
        {"cgroup", 0, FLAG_LIST, &o->cgroups},
        {"preserve-fds", 0, FLAG_NUMBER, &o->preserve_fds},
        {"no-new-privs", 0, FLAG_BOOL, &o->no_new_privs},
        {"ignore-paused", 0, FLAG_BOOL, &o->ignore_paused},
        {NULL, 0, FLAG_BOOL, NULL},
    };
    if (oci_flags(flags, true, argc, argv, err) || oci_count(oci, "exec", *argc, 1, 65536, err)) return -1;
    if (*argc < 2 && !o->process) return rt_fail(err, "USAGE", 0, NULL, "process args cannot be empty");
    if (o->preserve_fds < 0 || o->preserve_fds > 65536) return rt_fail(err, "USAGE", 0, NULL, "invalid value for preserve-fds: %lld", (long long)o->preserve_fds);
    if (o->detach && o->tty && !o->console_socket) return rt_fail(err, "USAGE", 0, NULL, "cannot allocate tty if the runtime will detach without setting console socket");
    return 0;
}

/* process.json; what it leaves out of rights is as the container's own process has it. */
static struct spec_process *from_file(struct spec *spec, const char *path, struct rt_error *err)
{
    auto_buf struct buf text = {0};
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return rt_fail_at(err, path, "PATH_MISSING", errno, "open", "cannot open '%s'", path), NULL;
    if (read_fd(fd, PROCESS_LIMIT, &text, "RUNTIME_CONFIG_INVALID", path, err) || buf_str(&text, "", err)) return NULL;
    struct spec_process *process = spec_process_from_text(spec, text.data, text.size, err);
    if (!process) return NULL;
    exec_inherit(process, spec->process);
    return process;
}

static int set_user(struct spec_process *process, const char *text, struct rt_error *err)
{
    char uid[32];
    uint64_t number;
    size_t length = strcspn(text, ":");
    if (length >= sizeof uid) return rt_fail(err, "USAGE", 0, NULL, "parsing %s as int for uid failed", text);
    memcpy(uid, text, length);
    uid[length] = 0;
    if (!parse_u64(uid, UINT32_MAX, &number)) return rt_fail(err, "USAGE", 0, NULL, "parsing %s as int for uid failed", uid);
    process->user.uid = (uint32_t)number;
    process->user.gid = 0;
    if (text[length] && !parse_u64(text + length + 1, UINT32_MAX, &number)) return rt_fail(err, "USAGE", 0, NULL, "parsing %s as int for gid failed", text + length + 1);
    if (text[length]) process->user.gid = (uint32_t)number;
    return 0;
}

static int add_groups(struct spec *spec, struct spec_process *process, const struct spec_strings *names, struct rt_error *err)
{
    if (!names->count) return 0;
    gid_t *groups = arena_array(&spec->arena, process->user.group_count + names->count, sizeof *groups, err);
    if (!groups) return -1;
    if (process->user.group_count) memcpy(groups, process->user.groups, process->user.group_count * sizeof *groups);
    process->user.groups = groups;
    for (size_t i = 0; i < names->count; i++) {
        uint64_t gid;
        if (!parse_u64(names->items[i], UINT32_MAX, &gid)) return rt_fail(err, "USAGE", 0, NULL, "parsing %s as int for additional gid failed", names->items[i]);
        groups[process->user.group_count++] = (gid_t)gid;
    }
    return 0;
}

static int add_caps(struct spec *spec, struct spec_process *process, const struct spec_strings *names, struct rt_error *err)
{
    if (!names->count) return 0;
    struct spec_capabilities *caps = arena_alloc(&spec->arena, sizeof *caps, err);
    if (!caps) return -1;
    if (process->capabilities) *caps = *process->capabilities;
    for (size_t i = 0; i < names->count; i++) {
        int number = caps_number(names->items[i]);
        if (number < 0) return rt_fail(err, "USAGE", 0, NULL, "unknown capability \"%s\"", names->items[i]);
        uint64_t bit = 1ull << number;
        caps->bounding |= bit, caps->effective |= bit, caps->permitted |= bit;
        /* Ambient needs inheritable; only a container that has some gets more (CVE-2022-29162). */
        if (caps->inheritable) caps->ambient |= bit & caps->inheritable;
    }
    process->capabilities = caps;
    return 0;
}

static struct spec_process *from_flags(struct spec *spec, const struct options *o, int argc, char **argv, struct rt_error *err)
{
    struct spec_process *process = arena_alloc(&spec->arena, sizeof *process, err);
    if (!process) return NULL;
    if (!spec->process) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "the container has no process to take after"), NULL;
    *process = *spec->process;
    process->args = (struct spec_strings){.items = (const char **)argv, .count = (size_t)argc};
    process->terminal = o->tty;
    if (o->cwd) process->cwd = o->cwd;
    if (o->label) process->selinux_label = o->label;
    if (o->apparmor) process->apparmor_profile = o->apparmor;
    if (o->no_new_privs) process->no_new_privs = true;
    if (o->user && set_user(process, o->user, err)) return NULL;
    if (add_groups(spec, process, &o->groups, err) || add_caps(spec, process, &o->caps, err)) return NULL;
    const char **env = arena_array(&spec->arena, process->env.count + o->env.count + 1, sizeof *env, err);
    if (!env) return NULL;
    memcpy(env, process->env.items, process->env.count * sizeof *env);
    if (o->env.count) memcpy(env + process->env.count, o->env.items, o->env.count * sizeof *env);
    process->env = (struct spec_strings){.items = env, .count = process->env.count + o->env.count};
    return process;
}

static int wait_for(const struct exec_result *result, struct rt_error *err)
{
    int status;
    const struct foreground options = {.pidfd = result->pidfd, .terminal = result->terminal, .pass_signals = true, .resize = -1};
    if (foreground_serve(&options, err)) return -1;
    while (waitpid(result->pid, &status, 0) < 0)
        if (errno != EINTR) return rt_fail(err, "NATIVE_FAILED", errno, "waitpid", "cannot wait for the process");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The pid file is written while the process can still be stopped for want of it. */
static int run(struct oci *oci, const struct options *o, struct container *container, const struct spec_process *process, struct rt_error *err)
{
    const struct state *state = runtime_state(container);
    struct exec_result result;
    auto_close int cache = seccomp_cache_open();
    const struct exec_params params = {
        .init_pidfd = runtime_pidfd(container), .init_pid = state->pid, .spec = runtime_spec(container), .process = process, .cgroup = runtime_cgroup(container), .sub_cgroups = o->cgroups,
        .stdio = {-1, -1, -1}, .all_cpus = true, .preserve_fds = (int)o->preserve_fds, .seccomp_cache = cache, .id = state->id, .bundle = state->bundle, .console_socket = o->console_socket, .plain_newlines = !o->console_socket && !foreground_is_terminal(),
        .debug = oci->debug ? oci_debug : NULL, .warn = oci_warn, .warn_context = oci,
    };
    if (!o->detach) foreground_hold();
    if (exec_start(&params, &result, err)) return rt_wrap(err, "exec failed");
    int status = o->pid_file ? state_pid_file(o->pid_file, result.pid, err) : 0;
    if (!status && o->pidfd_socket) status = send_fd(o->pidfd_socket, result.pidfd, "pidfd", 5, "pidfd socket", err);
    if (status) {
        kill(result.pid, SIGKILL);
        waitpid(result.pid, NULL, 0);
    } else if (!o->detach)
        status = wait_for(&result, err);
    util_close(&result.pidfd);
    util_close(&result.terminal);
    return status;
}

static int check_status(const struct options *o, const struct container *container, int directory, struct rt_error *err)
{
    const char *status = oci_status(container, directory);
    if (strcmp(status, "stopped") == 0) return rt_fail(err, "CONTAINER_STOPPED", 0, NULL, "cannot exec in a stopped container");
    if (strcmp(status, "paused") == 0 && !o->ignore_paused) return rt_fail(err, "CONTAINER_STOPPED", 0, NULL, "cannot exec in a paused container (use --ignore-paused to override)");
    return 0;
}

int oci_exec(struct oci *oci, int argc, char **argv, struct rt_error *err)
{
    struct options o = {0};
    struct container *container;
    auto_free char *path = NULL;
    auto_close int directory = -1;
    int status = parse(oci, &o, &argc, argv, err);
    if (!status) status = oci_open(oci, argv[0], &container, &path, &directory, err);
    if (!status) {
        struct spec *spec = (struct spec *)runtime_spec(container);
        struct spec_process *process = NULL;
        status = check_status(&o, container, directory, err);
        if (!status) process = o.process ? from_file(spec, o.process, err) : from_flags(spec, &o, argc - 1, argv + 1, err);
        if (process && o.process && o.tty) process->terminal = true;
        status = process ? run(oci, &o, container, process, err) : -1;
        runtime_close(container);
    }
    free(o.env.items);
    free(o.caps.items);
    free(o.groups.items);
    free(o.cgroups.items);
    return status;
}
