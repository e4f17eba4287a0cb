#include "runtime/container.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "runtime/bind_early.h"
#include "runtime/container_internal.h"
#include "runtime/external.h"
#include "runtime/hooks.h"
#include "runtime/init.h"
#include "runtime/net_device.h"
#include "runtime/process.h"
#include "runtime/procfs.h"
#include "runtime/seccomp.h"
#include "runtime/spawn.h"
#include "runtime/state.h"
#include "runtime/sync.h"
#include "runtime/terminal.h"

void container_warn(const struct container *container, const char *text)
{
    if (container->params.warn) container->params.warn(container->params.warn_context, text);
}

static int check_id(const char *id, struct rt_error *err)
{
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.";
    size_t length = strlen(id);
    if (length == 0 || length > 1024 || strspn(id, ALLOWED) != length || strcmp(id, ".") == 0 || strcmp(id, "..") == 0)
        return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "container id '%s' is not of letters, digits, '_', '+', '-' and '.'", id);
    return 0;
}

/* What the init process will need, made while failures still cost nothing. */
static int prepare(struct container *container, struct init *init, struct rt_error *err)
{
    const struct spec *spec = container->spec;
    const struct runtime_params *params = &container->params;
    if (params->bundle && (init->bundle = open(params->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
        return rt_fail_at(err, params->bundle, "PATH_MISSING", errno, "open", "cannot open the bundle '%s'", params->bundle);
    if (params->rootfs < 0 && !spec->root_path) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "the config has no root");
    if (params->rootfs < 0) {
        bool absolute = spec->root_path[0] == '/' || !params->bundle;
        init->root_path = absolute ? rt_strdup(spec->root_path, err) : rt_printf(err, "%s/%s", params->bundle, spec->root_path);
        if (!init->root_path) return -1;
        if (access(init->root_path, F_OK)) return rt_fail_at(err, init->root_path, "PATH_MISSING", errno, "access", "cannot find the root '%s'", init->root_path);
    }
    if (namespaces_open(&spec->linux, init->namespaces, err)) return -1;
    if (spec->linux.seccomp) {
        if (filter_compile(spec->linux.seccomp, params->seccomp_cache, &init->filter, err)) return -1;
        init->filter_flags = filter_load_flags(spec->linux.seccomp);
    }
    if (params->start_later && (init->listener = state_listen(params->state_dir, err)) < 0) return -1;
    return bind_early(init, err);
}

static void init_free(struct init *init)
{
    namespaces_close(init->namespaces);
    bind_early_free(init);
    util_close(&init->sync);
    util_close(&init->listener);
    util_close(&init->bundle);
    util_close(&init->root_tree);
    free((char *)init->root_path);
    free(init->filter.filter);
}

static int make_cgroup(struct container *container, struct rt_error *err)
{
    const struct runtime_params *params = &container->params;
    if (params->cgroup == CGROUP_NONE) return 0;
    const struct spec_linux *linux = &container->spec->linux;
    const struct cgroup_request request = {
        .driver = params->cgroup, .path = params->cgroup_path ? params->cgroup_path : linux->cgroups_path, .id = params->id,
        .resources = linux->resources, .annotations = &container->spec->annotations, .whole = params->whole_cgroup,
    };
    if (cgroup_create(&request, &container->cgroup, err)) return -1;
    return cgroup_apply(container->cgroup, linux->resources, params->warn, params->warn_context, err);
}

static int move_devices(const struct container *container, const struct init *init, struct rt_error *err)
{
    char path[40];
    const struct spec_linux *linux = &container->spec->linux;
    if (!linux->net_device_count) return 0;
    snprintf(path, sizeof path, "/proc/%d/ns/net", container->pid);
    auto_close int own = init->namespaces[NS_NETWORK] >= 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    return net_devices_move(linux, init->namespaces[NS_NETWORK] >= 0 ? init->namespaces[NS_NETWORK] : own, err);
}

/* The part that belongs to the runtime's side while init waits at stage 1. */
static int settle(struct container *container, const struct init *init, bool born, struct rt_error *err)
{
    struct rt_error ignored;
    const struct spec_linux *linux = &container->spec->linux;
    const struct spec_namespace *user = &linux->namespaces[NS_USER];
    auto_close int procfs = procfs_open(err);
    if (procfs < 0) return -1;
    const struct idmap map = {.uid = linux->uid_maps.items, .uid_count = linux->uid_maps.count, .gid = linux->gid_maps.items, .gid_count = linux->gid_maps.count};
    if (user->wanted && !user->path && idmap_write(&map, container->pid, err)) return -1;
    if (container->cgroup && cgroup_join(container->cgroup, container->pid, born, err)) return -1;
    if (process_oom_score(procfs, container->pid, container->spec->process, &ignored)) container_warn(container, ignored.message);
    if (move_devices(container, init, err)) return -1;
    if (container->params.attach && container->params.attach(container->params.attach_context, container->pid, err)) return -1;
    return sync_send(init->sync, SYNC_GO, NULL, 0, -1) ? rt_fail(err, "NATIVE_FAILED", errno, "sendmsg", "cannot reach the container's first process") : 0;
}

static char *state_text(const struct container *container, const char *status, struct rt_error *err)
{
    return state_json(container->spec, container->params.id, status, container->pid, container->params.bundle ? container->params.bundle : "/", err);
}

int container_hooks(const struct container *container, enum spec_hook_kind kind, const char *name, const char *status, struct rt_error *err)
{
    const struct spec_hooks *hooks = &container->spec->hooks[kind];
    if (!hooks->count) return 0;
    auto_free char *state = state_text(container, status, err);
    return state ? hooks_run(hooks, name, state, err) : -1;
}

static int create_hooks(const struct container *container, struct rt_error *err)
{
    /* What is deprecated keeps the state that it was made with: to a prestart hook the container is created. */
    return container_hooks(container, HOOK_PRESTART, "prestart", "created", err) || container_hooks(container, HOOK_CREATE_RUNTIME, "createRuntime", "creating", err) ? -1 : 0;
}

static int take_terminal(struct container *container, int fd, struct rt_error *err)
{
    if (!container->params.console_socket) {
        container->terminal = fd;
        return 0;
    }
    int result = terminal_send(container->params.console_socket, fd, err);
    util_close(&fd);
    return result;
}

static int note_mount_point(struct container *container, const struct sync_message *message, struct rt_error *err)
{
    struct mount_point point;
    if (!container->params.mount_points || message->size <= sizeof point || message->data[message->size - 1]) return 0;
    memcpy(&point, message->data, sizeof point);
    return mount_points_add(container->params.mount_points, &point, message->data + sizeof point, err);
}

/* Serves the init process until it is ready for the start (or, with `until_exec`, has become the user's process): 0, or its error. */
static int serve(struct container *container, int sock, bool until_exec, struct rt_error *err)
{
    struct sync_message message;
    for (;;) {
        int got = sync_recv(sock, &message, err);
        if (got < 0) return -1;
        if (got == 0 && until_exec) return 0;
        if (got == 0) return rt_fail(err, "NATIVE_FAILED", 0, NULL, "the container's first process ended before it was set up");
        bool answer = false;
        int result = 0;
        switch (message.type) {
        case SYNC_READY: return 0;
        case SYNC_HOOKS:
            result = create_hooks(container, err);
            answer = true;
            break;
        case SYNC_DEBUG:
            if (container->params.debug) container->params.debug(container->params.warn_context, message.data);
            break;
        case SYNC_WARNING: container_warn(container, message.data); break;
        case SYNC_MOUNT_POINT: result = note_mount_point(container, &message, err); break;
        case SYNC_TERMINAL: result = take_terminal(container, message.fd, err); break;
        case SYNC_SECCOMP:
            result = state_send_listener(container->spec, container->params.id, container->pid, container->params.bundle, message.fd, err);
            util_close(&message.fd);
            answer = true;
            break;
        case SYNC_ERROR:
            if (message.size == sizeof *err) memcpy(err, message.data, sizeof *err);
            return -1;
        case SYNC_GO:
        case SYNC_PID: return rt_fail(err, "NATIVE_FAILED", EPROTO, NULL, "the container's first process sent message %d", message.type);
        }
        if (result) return -1;
        if (answer && sync_send(sock, SYNC_GO, NULL, 0, -1)) return rt_fail(err, "NATIVE_FAILED", errno, "sendmsg", "cannot reach the container's first process");
    }
}

static int record(struct container *container, struct rt_error *err)
{
    const struct runtime_params *params = &container->params;
    if (params->state_dir && state_write(container->spec, params, container->pid, container->cgroup, err)) return -1;
    return params->pid_file ? state_pid_file(params->pid_file, container->pid, err) : 0;
}

int runtime_widen_cgroup(struct container *container, struct rt_error *err)
{
    const struct runtime_params *params = &container->params;
    if (!container->cgroup || params->whole_cgroup) return 0;
    const char *path = params->cgroup_path ? params->cgroup_path : container->spec->linux.cgroups_path;
    container->params.whole_cgroup = true;
    if (cgroup_widen(container->cgroup, path, params->id, err)) return -1;
    /* Whoever finds the record after a kill finds these as well. */
    if (params->state_dir && state_write(container->spec, params, container->pid, container->cgroup, err)) return -1;
    return cgroup_join_all(container->cgroup, err);
}

static int create(struct container *container, struct init *init, struct rt_error *err)
{
    int pair[2];
    if (prepare(container, init, err) || make_cgroup(container, err) || sync_pair(pair, err)) return -1;
    container->sync = pair[0];
    init->sync = pair[1];
    init->cgroup = container->cgroup;
    if (container->params.debug) container->params.debug(container->params.warn_context, "nsexec container setup");
    struct spawned spawned = {.pidfd = -1};
    int result = spawn_init(init, container->cgroup ? cgroup_v2_directory(container->cgroup) : -1, pair[0], &spawned, err);
    container->pid = spawned.pid;
    container->pidfd = spawned.pidfd;
    if (result) return -1;
    util_close(&init->sync);
    init->sync = -1;
    struct init runtime_side = *init;
    runtime_side.sync = container->sync;
    if (settle(container, &runtime_side, spawned.born_in_cgroup, err) || serve(container, container->sync, false, err) || record(container, err)) return -1;
    if (container->params.start_later) {
        util_close(&container->sync);
        container->sync = -1;
    }
    return 0;
}

int runtime_create(const struct spec *spec, const struct runtime_params *params, struct container **out, struct rt_error *err)
{
    if (check_id(params->id, err)) return -1;
    struct container *container = calloc(1, sizeof *container);
    if (!container) return rt_nomem(err);
    *container = (struct container){.spec = spec, .params = *params, .pidfd = -1, .sync = -1, .terminal = -1};
    struct init init = {.spec = spec, .params = &container->params, .sync = -1, .listener = -1, .bundle = AT_FDCWD, .root_tree = params->rootfs, .devices = -1, .procfs = -1};
    for (int kind = 0; kind < NS_KINDS; kind++) init.namespaces[kind] = -1;
    int result = params->external ? external_create(container, err) : create(container, &init, err);
    if (!result && params->external) result = record(container, err);
    init.root_tree = -1; /* it is the caller's */
    init_free(&init);
    if (result) {
        struct rt_error ignored;
        runtime_delete(container, &ignored);
        return -1;
    }
    *out = container;
    return 0;
}

pid_t runtime_pid(const struct container *container)
{
    return container->pid;
}

int runtime_pidfd(const struct container *container)
{
    return container->pidfd;
}

int runtime_take_terminal(struct container *container)
{
    return take_fd(&container->terminal);
}

/* The other way to the init process: it waits at a socket in the record, and answers so that we know it was us who started it. */
static int connect_to_init(struct container *container, struct rt_error *err)
{
    struct sync_message message;
    auto_close int directory = open(container->params.state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return rt_fail_at(err, container->params.state_dir, "NATIVE_FAILED", errno, "open", "cannot open '%s'", container->params.state_dir);
    container->sync = state_connect(directory, err);
    if (container->sync < 0) return -1;
    if (sync_send(container->sync, SYNC_GO, NULL, 0, -1) || sync_expect(container->sync, SYNC_GO, &message, err))
        return rt_fail(err, "NATIVE_FAILED", 0, NULL, "cannot start the container '%s': somebody else has started it", container->params.id);
    unlinkat(directory, "start.sock", 0);
    return 0;
}

static int tell_start(struct container *container, struct rt_error *err)
{
    if (container->sync < 0 && container->params.state_dir) return connect_to_init(container, err);
    return sync_send(container->sync, SYNC_GO, NULL, 0, -1) ? rt_fail(err, "NATIVE_FAILED", errno, "sendmsg", "cannot start the container: its first process has ended") : 0;
}

int runtime_start(struct container *container, struct rt_error *err)
{
    if (container->external) return external_start(container, err);
    int result = tell_start(container, err) || serve(container, container->sync, true, err) ? -1 : 0;
    util_close(&container->sync);
    container->sync = -1;
    if (result) return -1;
    /* runtime-spec, "Lifecycle": a poststart hook that fails stops the container. */
    if (container_hooks(container, HOOK_POSTSTART, "poststart", "running", err) == 0) return 0;
    struct rt_error later;
    runtime_kill(container, SIGKILL, true, &later);
    return -1;
}
