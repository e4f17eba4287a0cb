#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "monitor/monitor.h"
#include "runtime/exec.h"

/* Exit codes that docker's log has for a probe that could not end by itself. */
#define PROBE_FAILED 1

static void probe_begin(struct timer *timer);
static void probe_ended(struct watch *watch, uint32_t events);
static void probe_timed_out(struct timer *timer);

static const struct health_options *options(const struct monitor *m)
{
    return &m->config->health;
}

static bool in_start_period(const struct monitor *m)
{
    return !m->health.settled && loop_now() - m->health.started < options(m)->start_period_ms * 1000000;
}

static void schedule(struct monitor *m)
{
    bool often = in_start_period(m) && options(m)->start_interval_ms < options(m)->interval_ms;
    loop_timer(&m->loop, &m->health.next, often ? options(m)->start_interval_ms : options(m)->interval_ms);
}

static void read_output(struct watch *watch, uint32_t events)
{
    struct monitor *m = container_of(watch, struct monitor, health.output);
    struct buf *kept = &m->health.current.output;
    struct rt_error ignored;
    char data[HEALTH_OUTPUT];
    (void)events;
    for (;;) {
        ssize_t n = read(watch->fd, data, sizeof data);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) break;
        size_t room = HEALTH_OUTPUT - kept->size;
        buf_add(kept, data, (size_t)n < room ? (size_t)n : room, &ignored);
    }
    loop_unwatch(&m->loop, watch);
    util_close(&watch->fd);
}

static void end_probe(struct monitor *m)
{
    struct health *h = &m->health;
    if (h->output.fd >= 0) read_output(&h->output, 0);
    loop_unwatch(&m->loop, &h->output);
    util_close(&h->output.fd);
    loop_cancel(&m->loop, &h->timeout);
    loop_unwatch(&m->loop, &h->process);
    util_close(&h->process.fd);
    h->pid = 0;
}

static void act(struct monitor *m)
{
    struct rt_error ignored; /* a container that ends meanwhile needs no action */
    if (m->stop_wanted) return; /* it is being stopped, and whoever asked for that waits for its end */
    switch (options(m)->on_failure) {
    case HEALTH_NONE: break;
    case HEALTH_KILL: m->stop_wanted = true; runtime_kill(m->container, SIGKILL, true, &ignored); break;
    case HEALTH_STOP: lifecycle_stop(m, (int)m->config->stop_signal, m->config->stop_timeout_ms, &ignored); break;
    case HEALTH_RESTART:
        if (lifecycle_stop(m, (int)m->config->stop_signal, m->config->stop_timeout_ms, &ignored) == 0) m->restart_wanted = true;
        break;
    }
}

static bool has_ended(const struct monitor *m)
{
    struct pollfd init = {.fd = runtime_pidfd(m->container), .events = POLLIN};
    return poll(&init, 1, 0) == 1;
}

/* The outcome of one probe: docker's rules. A failure within the start period counts only once a probe went well. */
static void record(struct monitor *m, int exit_code)
{
    struct health *h = &m->health;
    struct health_status *status = &m->status.health;
    enum health_kind before = status->kind;
    if (exit_code != 0 && has_ended(m)) { /* it failed because its container is no more, which is told next */
        buf_free(&h->current.output);
        return;
    }
    h->current.exit_code = exit_code;
    clock_gettime(CLOCK_REALTIME, &h->current.end);
    if (status->log_count == HEALTH_LOG) {
        buf_free(&status->log[0].output);
        memmove(status->log, status->log + 1, (HEALTH_LOG - 1) * sizeof *status->log);
        status->log_count--;
    }
    status->log[status->log_count++] = h->current;
    h->current = (struct probe_result){0};
    bool failed_now = false;
    if (exit_code == 0) {
        status->kind = HEALTH_HEALTHY;
        status->failing_streak = 0;
        h->settled = true;
    } else if (!in_start_period(m)) {
        status->failing_streak++;
        failed_now = status->failing_streak == options(m)->retries;
        if (status->failing_streak >= options(m)->retries) status->kind = HEALTH_UNHEALTHY;
    }
    if (status->kind != before) status_note(&m->status, TRANSITION_HEALTH, &status->log[status->log_count - 1].end);
    monitor_save(m);
    schedule(m);
    if (failed_now) act(m);
}

static int launch(struct monitor *m, struct rt_error *err)
{
    struct health *h = &m->health;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return rt_fail(err, "NATIVE_FAILED", errno, "pipe2", "cannot make a pipe");
    h->output.fd = ends[0];
    auto_close int inner = ends[1], null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    fcntl(h->output.fd, F_SETFL, O_NONBLOCK);
    struct spec_process process = *m->config->spec->process;
    process.terminal = false;
    process.args = (struct spec_strings){.items = options(m)->args};
    while (process.args.items[process.args.count]) process.args.count++;
    const struct exec_params params = {.init_pidfd = runtime_pidfd(m->container), .init_pid = runtime_pid(m->container), .spec = m->config->spec, .process = &process,
                                       .cgroup = runtime_cgroup(m->container), .stdio = {null, inner, inner}, .seccomp_cache = -1, .id = m->config->id, .bundle = m->config->run_dir,
                                       .external = m->config->external.path ? &m->config->external : NULL, .die_with_parent = true};
    struct exec_result result = {.pidfd = -1, .terminal = -1};
    monitor_lower_descriptors(m);
    int failed = exec_start(&params, &result, err);
    monitor_raise_descriptors(m);
    if (failed) return -1;
    h->pid = result.pid;
    h->process.fd = result.pidfd;
    util_close(&result.terminal);
    loop_timer(&m->loop, &h->timeout, options(m)->timeout_ms);
    return loop_watch(&m->loop, &h->process, EPOLLIN, err) || loop_watch(&m->loop, &h->output, EPOLLIN, err) ? -1 : 0;
}

static void probe_begin(struct timer *timer)
{
    struct monitor *m = container_of(timer, struct monitor, health.next);
    struct health *h = &m->health;
    struct rt_error err = {0};
    if (m->status.kind != STATUS_RUNNING) { /* paused: it could not answer */
        schedule(m);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &h->current.start);
    if (launch(m, &err) == 0) return;
    if (h->pid > 0) {
        kill(h->pid, SIGKILL);
        while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR) continue;
    }
    end_probe(m);
    buf_cut(&h->current.output, 0);
    buf_str(&h->current.output, err.message, &(struct rt_error){0});
    record(m, strcmp(err.code, "EXEC_NOT_FOUND") == 0 ? 127 : strcmp(err.code, "EXEC_DENIED") == 0 ? 126 : PROBE_FAILED);
}

static void probe_ended(struct watch *watch, uint32_t events)
{
    struct monitor *m = container_of(watch, struct monitor, health.process);
    int status = 0;
    (void)events;
    if (waitpid(m->health.pid, &status, WNOHANG) == 0) return;
    end_probe(m);
    if (m->stop_wanted && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) { /* it was killed together with the container */
        buf_free(&m->health.current.output);
        schedule(m);
        return;
    }
    record(m, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

/* As Go writes durations, so as docker does: 500ms, 1.5s, 1m30s. */
static void duration_text(int64_t ms, char *out, size_t size)
{
    int used = 0;
    if (ms < 1000) {
        snprintf(out, size, "%lldms", (long long)ms);
        return;
    }
    if (ms >= 3600000) used += snprintf(out, size, "%lldh", (long long)(ms / 3600000));
    if (ms >= 60000) used += snprintf(out + used, size - (size_t)used, "%lldm", (long long)(ms / 60000 % 60));
    snprintf(out + used, size - (size_t)used, "%gs", (double)(ms % 60000) / 1000);
}

static void probe_timed_out(struct timer *timer)
{
    struct monitor *m = container_of(timer, struct monitor, health.timeout);
    struct health *h = &m->health;
    struct rt_error ignored;
    if (m->status.kind == STATUS_PAUSED) { /* a frozen process does not die where cgroups are of version 1 */
        loop_timer(&m->loop, timer, options(m)->timeout_ms);
        return;
    }
    kill(h->pid, SIGKILL);
    while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR) continue;
    end_probe(m);
    buf_cut(&h->current.output, 0);
    char timeout[64];
    duration_text(options(m)->timeout_ms, timeout, sizeof timeout);
    buf_printf(&h->current.output, &ignored, "Health check exceeded timeout (%s)", timeout);
    record(m, -1);
}

void health_start(struct monitor *m)
{
    struct health *h = &m->health;
    if (!options(m)->args) return;
    *h = (struct health){.next = {.fire = probe_begin}, .timeout = {.fire = probe_timed_out}, .process = {.fd = -1, .ready = probe_ended}, .output = {.fd = -1, .ready = read_output}, .started = loop_now()};
    for (size_t i = 0; i < m->status.health.log_count; i++) buf_free(&m->status.health.log[i].output);
    m->status.health = (struct health_status){.kind = HEALTH_STARTING};
    schedule(m);
}

void health_stop(struct monitor *m)
{
    struct health *h = &m->health;
    if (!options(m)->args || !h->next.fire) return;
    loop_cancel(&m->loop, &h->next);
    if (h->pid > 0) {
        kill(h->pid, SIGKILL);
        while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR) continue;
    }
    end_probe(m);
    buf_free(&h->current.output);
}

bool health_owns(const struct monitor *m, pid_t pid)
{
    return m->health.pid > 0 && m->health.pid == pid;
}
