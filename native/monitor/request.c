#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "monitor/monitor.h"
#include "network/network.h"

json_t *request_exit_json(const struct monitor *m)
{
    return json_pack("{s:i, s:o, s:b}", "exitCode", m->status.exit_code, "signal", m->status.signal ? json_integer(m->status.signal) : json_null(), "oomKilled", m->status.oom_killed);
}

/* A number, or a name with or without SIG. */
static int signal_of(const json_t *request, int64_t otherwise, int *out, struct rt_error *err)
{
    const json_t *value = json_object_get(request, "signal");
    *out = (int)otherwise;
    if (!value || json_is_null(value)) return otherwise > 0 ? 0 : rt_fail(err, "PLAN_INVALID", 0, NULL, "signal is missing");
    if (json_is_integer(value) && json_integer_value(value) > 0 && json_integer_value(value) <= SIGRTMAX) {
        *out = (int)json_integer_value(value);
        return 0;
    }
    const char *name = json_string_value(value);
    if (name && strncasecmp(name, "SIG", 3) == 0) name += 3;
    for (int number = 1; name && number < NSIG; number++) {
        const char *known = sigabbrev_np(number);
        if (known && strcasecmp(known, name) == 0) {
            *out = number;
            return 0;
        }
    }
    return rt_fail(err, "PLAN_INVALID", 0, NULL, "the signal is unknown");
}

static int attach(struct client *c, const json_t *request, struct rt_error *err)
{
    struct monitor *m = c->monitor;
    bool with_stdin = true;
    if (json_allow(request, err, "op", "stdin", NULL) || json_opt_bool(request, "stdin", &with_stdin, err)) return -1;
    if (!c->attached && with_stdin && m->config->stdin_mode != STDIN_NONE) {
        c->has_stdin = true;
        m->stdin_clients++;
    }
    c->attached = c->was_attached = true;
    client_answer(c, json_object());
    return 0;
}

static int start(struct client *c, const json_t *request, struct rt_error *err)
{
    if (json_allow(request, err, "op", NULL) || lifecycle_start(c->monitor, err)) return -1;
    client_answer(c, json_pack("{s:i}", "pid", c->monitor->status.pid));
    return 0;
}

static int stop(struct client *c, const json_t *request, struct rt_error *err)
{
    struct monitor *m = c->monitor;
    int64_t timeout = m->config->stop_timeout_ms;
    int signal;
    if (json_allow(request, err, "op", "signal", "timeoutMs", NULL) || signal_of(request, m->config->stop_signal, &signal, err) ||
        json_opt_i64(request, "timeoutMs", -1, INT64_MAX / 2000000, &timeout, err))
        return -1;
    c->answers_due++; /* before: it may end at once */
    if (lifecycle_stop(m, signal, timeout, err) == 0) return 0;
    c->answers_due--;
    return -1;
}

static int kill_process(struct client *c, const json_t *request, struct rt_error *err)
{
    int signal;
    if (json_allow(request, err, "op", "signal", NULL) || signal_of(request, 0, &signal, err) || lifecycle_kill(c->monitor, signal, err)) return -1;
    client_answer(c, json_object());
    return 0;
}

static int pause_or_resume(struct client *c, const json_t *request, bool pause, struct rt_error *err)
{
    if (json_allow(request, err, "op", NULL) || lifecycle_pause(c->monitor, pause, err)) return -1;
    client_answer(c, json_object());
    return 0;
}

static int pause_all(struct client *c, const json_t *request, struct rt_error *err)
{
    return pause_or_resume(c, request, true, err);
}

static int resume_all(struct client *c, const json_t *request, struct rt_error *err)
{
    return pause_or_resume(c, request, false, err);
}

static int wait_end(struct client *c, const json_t *request, struct rt_error *err)
{
    if (json_allow(request, err, "op", NULL)) return -1;
    c->answers_due++;
    return 0;
}

static int update(struct client *c, const json_t *request, struct rt_error *err)
{
    struct monitor *m = c->monitor;
    json_t *resources = NULL, *restart = NULL;
    struct restart_options policy = m->restart;
    if (json_allow(request, err, "op", "resources", "restart", NULL) || json_opt_obj(request, "resources", &resources, err) || json_opt_obj(request, "restart", &restart, err) ||
        (restart && restart_parse(restart, &policy, err)))
        return -1;
    if (resources && json_object_size(resources) > 0) {
        if (!m->container) return rt_fail(err, "CONTAINER_STOPPED", 0, NULL, "the container does not run");
        struct spec_resources *parsed = spec_resources_parse(m->config->spec, resources, err);
        if (!parsed || runtime_widen_cgroup(m->container, err) || runtime_update(m->container, parsed, err)) return -1;
    }
    m->restart = policy;
    client_answer(c, json_object());
    return 0;
}

static int change_network(struct client *c, const json_t *request, struct rt_error *err)
{
    json_t *value;
    struct network *network;
    if (json_allow(request, err, "op", "network", NULL) || json_req_obj(request, "network", &value, err) || network_parse(value, &network, err)) return -1;
    int result = lifecycle_network(c->monitor, network, err);
    network_free(&network);
    if (result == 0) client_answer(c, json_object());
    return result;
}

static int reload_network(struct client *c, const json_t *request, struct rt_error *err)
{
    if (json_allow(request, err, "op", NULL) || (c->monitor->lease && network_reload(c->monitor->lease, err))) return -1;
    client_answer(c, json_object());
    return 0;
}

/* Without an inode: from now on no file goes before it was read. With one: which file is being read, so all that are older have been. */
static int read_log(struct client *c, const json_t *request, struct rt_error *err)
{
    const char *inode = NULL;
    if (json_allow(request, err, "op", "inode", NULL) || json_opt_str(request, "inode", &inode, err)) return -1;
    log_reader_add(&c->monitor->log.files, &c->reader);
    if (inode) {
        c->reader.inode = strtoull(inode, NULL, 10);
        c->reader.stuck = false;
        streams_log_read(c->monitor);
    }
    client_answer(c, json_object());
    return 0;
}

static const struct {
    const char *name;
    int (*handle)(struct client *client, const json_t *request, struct rt_error *err);
} operations[] = {
    {"attach", attach}, {"start", start}, {"stop", stop},     {"kill", kill_process},     {"pause", pause_all},
    {"resume", resume_all}, {"wait", wait_end}, {"update", update}, {"network", change_network}, {"read-log", read_log}, {"network-reload", reload_network},
};

static int dispatch(struct client *client, const char *text, size_t size, struct rt_error *err)
{
    const char *name;
    auto_json json_t *request = json_parse(text, size, "PLAN_INVALID", "the request", err);
    if (!request || json_req_str(request, "op", &name, err)) return -1;
    for (size_t i = 0; i < ARRAY_LEN(operations); i++)
        if (strcmp(name, operations[i].name) == 0) return operations[i].handle(client, request, err);
    return rt_fail(err, "PLAN_INVALID", 0, NULL, "unknown request '%s'", name);
}

void request_handle(struct client *client, const char *text, size_t size)
{
    struct rt_error err = {0};
    if (dispatch(client, text, size, &err)) client_fail(client, &err);
    /* The loop was told of the end and of this request at once: nobody else will answer it. */
    if (client->monitor->status.kind == STATUS_EXITED) clients_exit(client->monitor);
}
