#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "monitor/joined.h"
#include "monitor/monitor.h"
#include "runtime/filesystem_tree.h"
#include "runtime/accounts.h"
#include "runtime/seccomp_cache.h"

/* The runtime's record of the container, in the run directory, which is where we work: exec and sweep find it there. */
#define RECORD "oci"

/* docker's figures: a pause before each restart that doubles, and starts over once the container has been up for a while. */
#define FIRST_BACKOFF_MS 100
#define LAST_BACKOFF_MS 60000
#define UP_LONG_ENOUGH_MS 10000

void monitor_save(struct monitor *m)
{
    struct rt_error ignored; /* a full disk: who asks over the socket still gets the truth, and the next change tries again */
    status_write(&m->status, m->config->dir, &ignored);
}

static void init_ended(struct watch *watch, uint32_t events);

static void lease_ready(struct watch *watch, uint32_t events)
{
    struct monitor *m = container_of(watch, struct monitor, lease_watch);
    (void)events;
    network_serve(m->lease);
}

/* The trees are mounts attached nowhere; the container takes them over. */
static int open_trees(struct monitor *m, int *rootfs, struct rt_error *err)
{
    const struct monitor_config *config = m->config;
    if (tree_open(&config->rootfs, TREE_MOUNT, rootfs, err)) return -1;
    for (size_t i = 0; i < config->trees.count; i++) {
        const struct tree *tree = &config->trees.items[i];
        int *mount = &config->trees.mounts[i].tree;
        if (tree->type ? filesystem_tree_open(config->spec, tree, mount, err) : tree_open(tree, TREE_MOUNT, mount, err))
            return rt_wrap(err, "cannot mount on '%s'", config->trees.mounts[i].target);
    }
    return config->user ? accounts_resolve(*rootfs, config->user, &config->groups, &config->spec->arena, &config->spec->process->user, err) : 0;
}

/* The namespaces exist, and nothing runs in them yet. */
static int attach_network(void *context, pid_t pid, struct rt_error *err)
{
    struct monitor *m = context;
    enum network_mode mode = network_mode(m->network);
    if (mode != NETWORK_BRIDGE && mode != NETWORK_USER) return 0;
    return network_attach(m->network, m->config->id, m->config->run_dir, m->shared, pid, &m->lease, err);
}

static int create_container(struct monitor *m, const int stdio[3], int rootfs, struct rt_error *err)
{
    const struct monitor_config *config = m->config;
    auto_close int cache = seccomp_cache_open();
    if (mkdir(RECORD, 0700) && errno != EEXIST) return rt_fail(err, "NATIVE_FAILED", errno, "mkdir", "cannot make the runtime's record in '%s'", config->run_dir);
    const struct runtime_params params = {.id = config->id, .bundle = config->run_dir, .state_dir = m->record, .rootfs = rootfs, .trees = config->trees.mounts, .tree_count = config->trees.count,
                                          .stdio = {stdio[0], stdio[1], stdio[2]}, .cgroup = CGROUP_CGROUPFS, .cgroup_path = config->cgroup_path, .seccomp_cache = cache,
                                          .external = config->external.path ? &config->external : NULL, .die_with_parent = true, .init = config->init, .attach = attach_network,
                                          .attach_context = m};
    monitor_lower_descriptors(m);
    int result = runtime_create(config->spec, &params, &m->container, err);
    monitor_raise_descriptors(m);
    return result;
}

static int watch_container(struct monitor *m, struct rt_error *err)
{
    if (streams_open(m, runtime_take_terminal(m->container), err)) return -1;
    m->init = (struct watch){.fd = runtime_pidfd(m->container), .ready = init_ended};
    m->lease_watch = (struct watch){.fd = m->lease ? network_fd(m->lease) : -1, .ready = lease_ready};
    if (loop_watch(&m->loop, &m->init, EPOLLIN, err)) return -1;
    return m->lease_watch.fd < 0 ? 0 : loop_watch(&m->loop, &m->lease_watch, EPOLLIN, err);
}

int lifecycle_create(struct monitor *m, struct rt_error *err)
{
    auto_close int rootfs = -1;
    int stdio[3] = {-1, -1, -1};
    struct rt_error ended;
    int result = joined_resolve(m->config, err) || streams_prepare(m, stdio, err) || open_trees(m, &rootfs, err) || create_container(m, stdio, rootfs, err) ? -1 : 0;
    if (joined_verify(m->config, &ended) && !result) {
        *err = ended;
        result = -1;
    }
    for (int i = 0; i < 3; i++) util_close(&stdio[i]);
    plan_trees_close(&m->config->trees);
    if (result || watch_container(m, err)) return -1;
    status_process(&m->status, runtime_pid(m->container));
    m->status.kind = STATUS_CREATED;
    return 0;
}

/* What a container that ended sooner, or a start that somebody waits for, does not pay. */
#define SETTLE_MS 100

static void widen(struct timer *timer)
{
    struct monitor *m = container_of(timer, struct monitor, settle_timer);
    struct rt_error ignored; /* figures that are missing are shown so */
    if (m->container) runtime_widen_cgroup(m->container, &ignored);
}

int lifecycle_start(struct monitor *m, struct rt_error *err)
{
    if (m->status.kind != STATUS_CREATED || !m->container) return rt_fail(err, "CONTAINER_CONFLICT", 0, NULL, "the container runs already");
    if (runtime_start(m->container, err)) {
        lifecycle_abandon(m, err);
        m->over = true;
        return -1;
    }
    m->status.kind = STATUS_RUNNING;
    m->status.finished = (struct timespec){0};
    m->status.exit_code = m->status.signal = 0;
    m->status.oom_killed = false;
    m->status.error[0] = '\0';
    clock_gettime(CLOCK_REALTIME, &m->status.started);
    status_note(&m->status, TRANSITION_START, &m->status.started);
    m->run_started = loop_now();
    m->settle_timer.fire = widen;
    loop_timer(&m->loop, &m->settle_timer, SETTLE_MS);
    health_start(m);
    monitor_save(m);
    return 0;
}

/* Takes back what a run has: process, cgroup, rules and sockets. The rest of the network waits for lifecycle_clean or the next start. */
static void take_back(struct monitor *m)
{
    struct rt_error ignored;
    health_stop(m);
    loop_cancel(&m->loop, &m->kill_timer);
    loop_cancel(&m->loop, &m->settle_timer);
    loop_unwatch(&m->loop, &m->init);
    m->init.fd = -1;
    streams_drain(m);
    if (m->container) {
        runtime_delete(m->container, &ignored);
        m->container = NULL;
        streams_drain(m);
    }
    rmdir(RECORD);
    streams_close(m);
    if (!m->lease) return;
    loop_unwatch(&m->loop, &m->lease_watch);
    m->lease_watch.fd = -1;
    network_withdraw(m->lease);
}

void lifecycle_abandon(struct monitor *m, const struct rt_error *why)
{
    take_back(m);
    status_process(&m->status, 0);
    m->status.exit_code = strcmp(why->code, "EXEC_NOT_FOUND") == 0 ? 127 : strcmp(why->code, "EXEC_DENIED") == 0 ? 126 : 128;
    snprintf(m->status.error, sizeof m->status.error, "%s", why->message);
    m->status.kind = m->status.started.tv_sec ? STATUS_EXITED : STATUS_CREATED;
    if (m->status.kind == STATUS_EXITED) clock_gettime(CLOCK_REALTIME, &m->status.finished);
    monitor_save(m);
}

static bool should_restart(const struct monitor *m)
{
    if (m->restart_wanted) return true;
    if (m->stop_wanted) return false;
    switch (m->restart.policy) {
    case RESTART_NO: return false;
    case RESTART_ON_FAILURE: return m->status.exit_code != 0 && (m->restart.max_retries == 0 || m->status.restart_count < m->restart.max_retries);
    case RESTART_ALWAYS:
    case RESTART_UNLESS_STOPPED: return true;
    }
    return false;
}

static void restart_now(struct timer *timer)
{
    struct monitor *m = container_of(timer, struct monitor, restart_timer);
    struct rt_error err = {0};
    network_detach(&m->lease);
    m->status.restart_count++;
    if (lifecycle_create(m, &err) == 0 && lifecycle_start(m, &err) == 0) return;
    if (!m->over) lifecycle_abandon(m, &err);
    clients_exit(m);
    m->over = true;
}

static void plan_restart(struct monitor *m)
{
    bool long_enough = loop_now() - m->run_started >= (int64_t)UP_LONG_ENOUGH_MS * 1000000;
    m->backoff_ms = m->backoff_ms == 0 || long_enough ? FIRST_BACKOFF_MS : m->backoff_ms * 2 > LAST_BACKOFF_MS ? LAST_BACKOFF_MS : m->backoff_ms * 2;
    m->restart_wanted = m->stop_wanted = false;
    m->restart_timer.fire = restart_now;
    loop_timer(&m->loop, &m->restart_timer, m->backoff_ms);
}

static void init_ended(struct watch *watch, uint32_t events)
{
    struct monitor *m = container_of(watch, struct monitor, init);
    struct runtime_exit exit;
    struct rt_error err = {0};
    (void)events;
    int result = runtime_wait(m->container, false, &exit, &err);
    if (result == 1) return;
    if (result < 0) exit = (struct runtime_exit){.code = 255};
    take_back(m);
    clock_gettime(CLOCK_REALTIME, &m->status.finished);
    status_process(&m->status, 0);
    m->status.exit_code = exit.code;
    m->status.signal = exit.signal;
    m->status.oom_killed = exit.oom_killed;
    if (result < 0) snprintf(m->status.error, sizeof m->status.error, "%s", err.message);
    if (exit.oom_killed) status_note(&m->status, TRANSITION_OOM, &m->status.finished);
    status_note(&m->status, TRANSITION_DIE, &m->status.finished);
    bool again = should_restart(m);
    m->status.kind = again ? STATUS_RESTARTING : STATUS_EXITED;
    monitor_save(m);
    clients_exit(m);
    if (again)
        plan_restart(m);
    else
        m->over = true;
}

static void kill_now(struct timer *timer)
{
    struct monitor *m = container_of(timer, struct monitor, kill_timer);
    struct rt_error ignored;
    if (m->container) runtime_kill(m->container, SIGKILL, true, &ignored);
}

static int thaw(struct monitor *m, struct rt_error *err)
{
    if (m->status.kind != STATUS_PAUSED) return 0;
    if (runtime_pause(m->container, false, err)) return -1;
    m->status.kind = STATUS_RUNNING;
    monitor_save(m);
    return 0;
}

int lifecycle_stop(struct monitor *m, int signal, int64_t timeout_ms, struct rt_error *err)
{
    m->stop_wanted = true;
    m->restart_wanted = false;
    if (m->status.kind == STATUS_RESTARTING || m->status.kind == STATUS_CREATED) {
        loop_cancel(&m->loop, &m->restart_timer);
        take_back(m);
        m->status.kind = m->status.kind == STATUS_RESTARTING ? STATUS_EXITED : STATUS_CREATED;
        status_process(&m->status, 0);
        monitor_save(m);
        clients_exit(m);
        m->over = true;
        return 0;
    }
    if (!m->container) return 0; /* it ended just now */
    if (timeout_ms == 0) signal = SIGKILL;
    if (runtime_kill(m->container, signal, signal == SIGKILL, err) || thaw(m, err)) return -1;
    m->kill_timer.fire = kill_now;
    if (timeout_ms > 0) loop_timer(&m->loop, &m->kill_timer, timeout_ms);
    return 0;
}

int lifecycle_kill(struct monitor *m, int signal, struct rt_error *err)
{
    if (!m->container || m->status.kind == STATUS_CREATED) return rt_fail(err, "CONTAINER_STOPPED", 0, NULL, "the container does not run");
    bool final = signal == SIGKILL || signal == (int)m->config->stop_signal;
    if (runtime_kill(m->container, signal, false, err)) return -1;
    m->stop_wanted |= final;
    return final ? thaw(m, err) : 0;
}

int lifecycle_pause(struct monitor *m, bool pause, struct rt_error *err)
{
    enum status_kind from = pause ? STATUS_RUNNING : STATUS_PAUSED;
    if (m->status.kind != from) return rt_fail(err, "CONTAINER_CONFLICT", 0, NULL, pause ? "the container does not run or is paused already" : "the container is not paused");
    if (runtime_pause(m->container, pause, err)) return -1;
    m->status.kind = pause ? STATUS_PAUSED : STATUS_RUNNING;
    monitor_save(m);
    return 0;
}

static int change_network(struct monitor *m, const struct network *network, struct rt_error *err)
{
    if (m->lease) return network_update(m->lease, network, err);
    if (network_attach(network, m->config->id, m->config->run_dir, m->shared, runtime_pid(m->container), &m->lease, err)) return -1;
    m->lease_watch = (struct watch){.fd = network_fd(m->lease), .ready = lease_ready};
    return m->lease_watch.fd < 0 ? 0 : loop_watch(&m->loop, &m->lease_watch, EPOLLIN, err);
}

int lifecycle_network(struct monitor *m, const struct network *network, struct rt_error *err)
{
    /* Between two runs the next start attaches it. */
    if (m->container && change_network(m, network, err)) return -1;
    network_free(&m->network);
    m->network = network_keep(network);
    return 0;
}

void lifecycle_clean(struct monitor *m)
{
    network_detach_clean(&m->lease);
}
