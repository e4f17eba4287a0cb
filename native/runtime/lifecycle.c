#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "runtime/container_internal.h"
#include "runtime/external.h"
#include "runtime/hooks.h"
#include "runtime/state.h"

/* A process that is not our child can only be watched; its exit status belongs to whoever is its parent. */
static int watch(struct container *container, bool block, struct rt_error *err)
{
    struct pollfd waited = {.fd = container->pidfd, .events = POLLIN};
    int ready = poll(&waited, 1, block ? -1 : 0);
    if (ready < 0) return rt_fail(err, errno == EINTR ? "CANCELLED" : "NATIVE_FAILED", errno, "poll", "cannot wait for the container");
    container->ended = ready > 0;
    return container->ended ? 0 : 1;
}

/* 0 reaped, 1 still running */
static int reap(struct container *container, bool block, struct rt_error *err)
{
    if (container->ended) return 0;
    if (container->foreign) return watch(container, block, err);
    pid_t pid;
    do pid = wait4(container->pid, &container->status, block ? 0 : WNOHANG, &container->usage);
    while (pid < 0 && errno == EINTR && !block);
    if (pid == 0) return 1;
    if (pid < 0) return rt_fail(err, errno == EINTR ? "CANCELLED" : "NATIVE_FAILED", errno, "wait4", "cannot wait for the container");
    container->ended = true;
    return 0;
}

static uint64_t cpu_time(const struct rusage *usage)
{
    const struct timeval *user = &usage->ru_utime, *kernel = &usage->ru_stime;
    return (uint64_t)(user->tv_sec + kernel->tv_sec) * 1000000 + (uint64_t)(user->tv_usec + kernel->tv_usec);
}

int runtime_wait(struct container *container, bool block, struct runtime_exit *out, struct rt_error *err)
{
    int result = reap(container, block, err);
    if (result) return result;
    int status = container->status;
    *out = (struct runtime_exit){.cpu_us = cpu_time(&container->usage), .memory_peak = (uint64_t)container->usage.ru_maxrss * 1024};
    out->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    out->code = out->signal ? 128 + out->signal : WEXITSTATUS(status);
    if (container->cgroup) cgroup_usage(container->cgroup, &out->cpu_us, &out->memory_peak, &out->oom_killed);
    return 0;
}

int runtime_kill(const struct container *container, int signal, bool all, struct rt_error *err)
{
    if (all && container->cgroup && cgroup_exists(container->cgroup)) return cgroup_kill(container->cgroup, signal, err);
    if (container->ended || container->pidfd < 0) return 0;
    if (syscall(SYS_pidfd_send_signal, container->pidfd, signal, NULL, 0) && errno != ESRCH) return rt_fail(err, "NATIVE_FAILED", errno, "pidfd_send_signal", "cannot send signal %d", signal);
    return 0;
}

int runtime_pause(const struct container *container, bool pause, struct rt_error *err)
{
    if (container->external) return external_call(container, pause ? "pause" : "resume", err);
    if (!container->cgroup) return rt_fail(err, "FEATURE_MISSING", 0, NULL, "a container without a cgroup cannot be paused");
    return cgroup_freeze(container->cgroup, pause, err);
}

int runtime_update(const struct container *container, const struct spec_resources *resources, struct rt_error *err)
{
    if (!container->cgroup) return rt_fail(err, "FEATURE_MISSING", 0, NULL, "a container without a cgroup has no limits to update");
    return cgroup_update(container->cgroup, resources, container->params.warn, container->params.warn_context, err);
}

void runtime_close(struct container *container)
{
    if (container->state) state_free(container->state);
    free(container->state);
    spec_free(container->own_spec);
    cgroup_free(container->cgroup);
    util_close(&container->sync);
    util_close(&container->pidfd);
    util_close(&container->terminal);
    free(container);
}

/* runtime-spec, "Lifecycle": each that fails is a warning, and the others run all the same. */
static void run_poststop(const struct container *container)
{
    struct rt_error fault;
    const struct spec_hooks *hooks = &container->spec->hooks[HOOK_POSTSTOP];
    if (!hooks->count) return;
    auto_free char *state = state_json(container->spec, container->params.id, "stopped", container->pid, container->params.bundle, &fault);
    for (size_t i = 0; state && i < hooks->count; i++) {
        const struct spec_hooks one = {.items = &hooks->items[i], .count = 1, .output = hooks->output, .errors = hooks->errors, .environment = hooks->environment};
        if (hooks_run(&one, "poststop", state, &fault)) container_warn(container, fault.message);
    }
}

static bool ends_within(const struct container *container, int milliseconds)
{
    /* A cancelled plan is interrupted again and again (base/plan.h). */
    return container->pidfd < 0 || readable_within(container->pidfd, milliseconds);
}

/* A process that the kernel holds, in a freezer or at a dead file server, must not hold us as well. */
static int bury(struct container *container, struct rt_error *err)
{
    enum { USUAL_MS = 100, LAST_MS = 10000 };
    struct rt_error ignored;
    runtime_kill(container, SIGKILL, false, &ignored);
    if (!ends_within(container, USUAL_MS) && container->cgroup) cgroup_release(container->cgroup, container->pid);
    if (!ends_within(container, LAST_MS)) return rt_fail(err, "CONTAINER_RUNNING", ETIMEDOUT, NULL, "cannot delete the container '%s': its first process %d does not end", container->params.id, container->pid);
    while (reap(container, true, &ignored) && ignored.saved_errno == EINTR) continue;
    return 0;
}

/* The first error is the one to tell; the rest is done all the same. A container whose first process does not end keeps its record, for another try. */
int runtime_delete(struct container *container, struct rt_error *err)
{
    struct rt_error later;
    int result = 0;
    if (container->pid > 0 && !container->ended && bury(container, err)) {
        runtime_close(container);
        return -1;
    }
    if (container->cgroup && !container->external) {
        cgroup_kill(container->cgroup, SIGKILL, &later);
        result = cgroup_remove(container->cgroup, err);
    }
    if (container->external && external_delete(container->external, container->params.id, result ? &later : err)) result = -1;
    if (container->pid > 0 && !container->external) run_poststop(container);
    if (container->params.state_dir) state_remove(container->params.state_dir);
    runtime_close(container);
    return result;
}

int runtime_open(int directory, const struct runtime_params *params, struct container **out, struct rt_error *err)
{
    struct container *container = calloc(1, sizeof *container);
    struct state *state = calloc(1, sizeof *state);
    if (!container || !state) {
        free(container);
        free(state);
        return rt_nomem(err);
    }
    *container = (struct container){.params = *params, .pidfd = -1, .sync = -1, .terminal = -1, .foreign = true, .state = state};
    if (state_read(directory, state, err) || !(container->own_spec = spec_load(directory, "config.json", err)) || cgroup_open(state->cgroup, &container->cgroup, err)) {
        runtime_close(container);
        return -1;
    }
    container->spec = container->own_spec;
    container->params.id = state->id;
    container->params.bundle = state->bundle;
    container->pid = state->pid;
    container->pidfd = state_pidfd(state);
    container->ended = container->pidfd < 0;
    *out = container;
    return 0;
}

const struct spec *runtime_spec(const struct container *container)
{
    return container->spec;
}

const struct state *runtime_state(const struct container *container)
{
    return container->state;
}

const struct cgroup *runtime_cgroup(const struct container *container)
{
    return container->cgroup;
}

bool runtime_ended(const struct container *container)
{
    return container->ended;
}
