#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/idmap.h"
#include "base/plan.h"
#include "data/tree.h"
#include "base/util.h"
#include "data/commit.h"
#include "network/network.h"
#include "runtime/accounts.h"
#include "runtime/chroot_files.h"
#include "runtime/container.h"
#include "runtime/plan_members.h"
#include "runtime/seccomp_cache.h"
#include "verbs.h"

/* docs/native-core.md, "sandbox": one process on a tree, from the start to the layer of what it changed. */

struct sandbox {
    struct plan *plan;
    const char *id, *user; /* user NULL: the config's */
    struct spec_strings groups;
    struct tree rootfs;
    struct plan_trees trees;
    struct network *network;
    struct network_lease *lease;
    struct spec *spec;
    const char *cgroup_path;
    int64_t timeout_ms; /* -1: none */
    struct commit_options commit;
    bool init;
    struct runtime_external external; /* path NULL: built in */
    struct mount_points made;
    struct chroot_files files; /* without a mount namespace */
};

struct outcome {
    struct runtime_exit exit;
    bool timed_out;
};

static int parse(struct sandbox *sandbox, struct rt_error *err)
{
    json_t *config, *network;
    const json_t *plan = sandbox->plan->json;
    sandbox->timeout_ms = -1;
    if (plan_allow(sandbox->plan, err, "id", "rootfs", "config", "user", "network", "cgroup", "trees", "transient", "files", "runtime", "timeoutMs", "init", "commit") ||
        json_req_str(plan, "id", &sandbox->id, err) || tree_req(plan, "rootfs", &sandbox->rootfs, err) || json_req_obj(plan, "config", &config, err) ||
        json_req_obj(plan, "network", &network, err) || plan_runtime(plan, &sandbox->external, err) || json_opt_i64(plan, "timeoutMs", 0, INT64_MAX / 2000000, &sandbox->timeout_ms, err) ||
        json_opt_bool(plan, "init", &sandbox->init, err) || commit_parse(plan, &sandbox->commit, err))
        return -1;
    if (network_parse(network, &sandbox->network, err) || network_configure(sandbox->network, config, err)) return -1;
    if (!(sandbox->spec = spec_from_json(config, err))) return -1;
    if (!sandbox->spec->process) return rt_fail(err, "PLAN_INVALID", 0, NULL, "the config has no process");
    if (sandbox->spec->process->terminal) return rt_fail(err, "PLAN_INVALID", 0, NULL, "a sandbox has no terminal");
    return plan_user(plan, &sandbox->spec->arena, &sandbox->user, &sandbox->groups, err) || plan_trees(plan, sandbox->spec, &sandbox->trees, err) ||
                   plan_cgroup(plan, &sandbox->cgroup_path, err) || chroot_files_parse(plan, &sandbox->files, err)
               ? -1
               : 0;
}

static void warn(void *context, const char *text)
{
    struct rt_error ignored;
    plan_event(context, "warning", json_pack("{s:s}", "message", text), &ignored);
}

/* Until the process ends; a timeout or a cancelled plan kills it. The network may have work meanwhile. */
static int wait_end(struct sandbox *sandbox, struct container *container, struct outcome *outcome, struct rt_error *err)
{
    int64_t end = sandbox->timeout_ms >= 0 ? now_ms() + sandbox->timeout_ms : -1;
    struct pollfd waited[2] = {{.fd = runtime_pidfd(container), .events = POLLIN}, {.fd = sandbox->lease ? network_fd(sandbox->lease) : -1, .events = POLLIN}};
    for (;;) {
        int64_t left = end < 0 ? -1 : end - now_ms();
        if (plan_check(err)) return -1;
        if (end >= 0 && left <= 0) {
            outcome->timed_out = true;
            if (runtime_kill(container, SIGKILL, true, err)) return -1;
            end = -1;
            continue;
        }
        int ready = poll(waited, 2, left > INT_MAX ? INT_MAX : (int)left);
        if (ready < 0 && errno != EINTR) return rt_fail(err, "NATIVE_FAILED", errno, "poll", "cannot wait for the process");
        if (ready > 0 && waited[1].revents) network_serve(sandbox->lease);
        if (ready > 0 && waited[0].revents) return runtime_wait(container, true, &outcome->exit, err);
    }
}

static bool has_mounts(const struct sandbox *sandbox)
{
    return sandbox->spec->linux.namespaces[NS_MOUNT].wanted;
}

static int open_trees(struct sandbox *sandbox, int *rootfd, struct rt_error *err)
{
    if (tree_open(&sandbox->rootfs, has_mounts(sandbox) ? TREE_MOUNT : TREE_PROCESS | TREE_WRITE, rootfd, err)) return -1;
    if (!has_mounts(sandbox) && sandbox->trees.count > 0) return rt_fail(err, "FEATURE_MISSING", 0, NULL, "cannot mount on '%s' without a mount namespace", sandbox->trees.mounts[0].target);
    for (size_t i = 0; i < sandbox->trees.count; i++)
        if (tree_open(&sandbox->trees.items[i], TREE_MOUNT, &sandbox->trees.mounts[i].tree, err)) return rt_wrap(err, "cannot mount on '%s'", sandbox->trees.mounts[i].target);
    if (!sandbox->user) return 0;
    return accounts_resolve(*rootfd, sandbox->user, &sandbox->groups, &sandbox->spec->arena, &sandbox->spec->process->user, err);
}

static int attach(void *context, pid_t pid, struct rt_error *err)
{
    struct sandbox *sandbox = context;
    enum network_mode mode = network_mode(sandbox->network);
    if (mode != NETWORK_BRIDGE && mode != NETWORK_USER) return 0;
    return network_attach(sandbox->network, sandbox->id, NULL, NULL, pid, &sandbox->lease, err);
}

static int start_and_wait(struct sandbox *sandbox, struct container *container, struct outcome *outcome, struct rt_error *err)
{
    /* Told afterwards: a signal that comes at the word must meet the process, not a container that nobody has started. */
    if (runtime_start(container, err) || plan_event(sandbox->plan, "started", json_pack("{s:i}", "pid", runtime_pid(container)), err)) return -1;
    return wait_end(sandbox, container, outcome, err);
}

static int run(struct sandbox *sandbox, int rootfd, struct outcome *outcome, struct rt_error *err)
{
    struct container *container;
    struct rt_error later;
    auto_close int cache = seccomp_cache_open();
    const struct spec_linux *linux = &sandbox->spec->linux;
    bool grouped = sandbox->cgroup_path || linux->cgroups_path || linux->resources;
    const struct runtime_params params = {.id = sandbox->id, .rootfs = rootfd, .trees = sandbox->trees.mounts, .tree_count = sandbox->trees.count, .mount_points = &sandbox->made,
                                          .stdio = {-1, -1, -1}, .cgroup = grouped ? CGROUP_CGROUPFS : CGROUP_NONE, .cgroup_path = sandbox->cgroup_path, .die_with_parent = true, .init = sandbox->init, .external = sandbox->external.path ? &sandbox->external : NULL,
                                          .seccomp_cache = cache, .attach = attach, .attach_context = sandbox, .warn = warn, .warn_context = sandbox->plan};
    int result = runtime_create(sandbox->spec, &params, &container, err);
    if (!result) {
        result = start_and_wait(sandbox, container, outcome, err);
        if (runtime_delete(container, result ? &later : err)) result = -1;
    }
    network_detach(&sandbox->lease);
    return result;
}

/* In a chroot the descriptor of the root is used up by the container, and asked for once more afterwards. */
static int run_in_chroot(struct sandbox *sandbox, int rootfd, struct outcome *outcome, struct rt_error *err)
{
    struct rt_error later;
    int used = fcntl(rootfd, F_DUPFD_CLOEXEC, 0);
    if (used < 0) return rt_fail(err, "NATIVE_FAILED", errno, "fcntl", "cannot duplicate a descriptor");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    int result = chroot_files_place(&sandbox->files, rootfd, err) || run(sandbox, used, outcome, err) ? -1 : 0;
    chroot_kill_left();
    return chroot_files_restore(&sandbox->files, rootfd, result ? &later : err) ? -1 : result;
}

static int run_and_clean(struct sandbox *sandbox, struct outcome *outcome, struct rt_error *err)
{
    struct rt_error later;
    auto_close int rootfd = -1;
    int result = open_trees(sandbox, &rootfd, err) ? -1 : 0;
    if (result == 0) result = has_mounts(sandbox) ? run(sandbox, rootfd, outcome, err) : run_in_chroot(sandbox, rootfd, outcome, err);
    plan_trees_close(&sandbox->trees);
    if (rootfd >= 0 && mount_points_remove(&sandbox->made, rootfd, result ? &later : err)) result = -1;
    return result;
}

static json_t *usage(const struct runtime_exit *exit)
{
    return json_pack("{s:I, s:I}", "cpuUs", (json_int_t)exit->cpu_us, "memoryPeak", (json_int_t)exit->memory_peak);
}

static int sandbox_run(struct sandbox *sandbox, struct rt_error *err)
{
    struct outcome outcome = {0};
    struct layer_facts facts = {0};
    struct commit_options commit = sandbox->commit;
    if (parse(sandbox, err) || idmap_enter_plan(sandbox->plan->json, err) || run_and_clean(sandbox, &outcome, err)) return -1;
    commit = sandbox->commit;
    commit.wanted = commit.wanted && outcome.exit.code == 0;
    if (commit.wanted && layer_commit(&sandbox->rootfs, &commit, &facts, err)) return -1;
    return plan_result(sandbox->plan,
                       json_pack("{s:i, s:o, s:b, s:b, s:o, s:o}", "exitCode", outcome.exit.code, "signal", outcome.exit.signal ? json_integer(outcome.exit.signal) : json_null(), "oomKilled",
                                 outcome.exit.oom_killed, "timedOut", outcome.timed_out, "usage", usage(&outcome.exit), "layer", commit_json(&commit, &facts)),
                       err);
}

int verb_sandbox(struct plan *plan, struct rt_error *err)
{
    struct sandbox sandbox = {.plan = plan};
    int result = sandbox_run(&sandbox, err);
    plan_trees_free(&sandbox.trees);
    tree_free(&sandbox.rootfs);
    commit_free(&sandbox.commit);
    network_free(&sandbox.network);
    mount_points_free(&sandbox.made);
    chroot_files_free(&sandbox.files);
    spec_free(sandbox.spec);
    return result;
}
