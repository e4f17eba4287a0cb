#include "monitor/config.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "monitor/joined.h"

#define MAX_MS (INT64_MAX / 2000000)

static const char *const stdin_names[] = {"none", "open", "once", NULL};
static const char *const log_names[] = {"json-file", "local", "none", "journald", NULL};
static const char *const restart_names[] = {"no", "on-failure", "always", "unless-stopped", NULL};
static const char *const action_names[] = {"none", "kill", "restart", "stop", NULL};

static int parse_log(const json_t *plan, struct log_options *out, struct rt_error *err)
{
    json_t *log;
    int driver;
    if (json_req_obj(plan, "log", &log, err) || json_allow(log, err, "driver", "path", "maxSize", "maxFiles", "fields", "compress", "attrs", NULL) || json_req_enum(log, "driver", log_names, &driver, err)) return -1;
    *out = (struct log_options){.driver = (enum log_driver)driver, .max_files = 1};
    if (json_opt_str(log, "path", &out->path, err) || json_opt_i64(log, "maxSize", 0, INT64_MAX, &out->max_size, err) || json_opt_i64(log, "maxFiles", 1, 10000, &out->max_files, err) || json_opt_bool(log, "compress", &out->compress, err) ||
        json_opt_str(log, "attrs", &out->attributes, err))
        return -1;
    if (out->driver == LOG_JOURNALD && json_req_strv(log, "fields", &out->fields, err)) return -1;
    return out->driver == LOG_NONE || out->path ? 0 : rt_fail(err, "PLAN_INVALID", 0, NULL, "log: a driver that writes needs a path");
}

int restart_parse(const json_t *value, struct restart_options *out, struct rt_error *err)
{
    int policy;
    *out = (struct restart_options){0};
    if (json_allow(value, err, "policy", "maxRetries", NULL) || json_req_enum(value, "policy", restart_names, &policy, err) || json_opt_i64(value, "maxRetries", 0, INT32_MAX, &out->max_retries, err))
        return rt_wrap(err, "restart");
    out->policy = (enum restart_policy)policy;
    return 0;
}

static int parse_health(const json_t *plan, struct health_options *out, struct rt_error *err)
{
    json_t *health = NULL;
    int action = HEALTH_NONE;
    if (json_opt_obj(plan, "health", &health, err)) return -1;
    if (!health) return 0;
    if (json_allow(health, err, "args", "intervalMs", "timeoutMs", "startPeriodMs", "startIntervalMs", "retries", "onFailure", NULL) || json_req_strv(health, "args", &out->args, err) ||
        json_req_i64(health, "intervalMs", 1, MAX_MS, &out->interval_ms, err) || json_req_i64(health, "timeoutMs", 1, MAX_MS, &out->timeout_ms, err) ||
        json_req_i64(health, "startPeriodMs", 0, MAX_MS, &out->start_period_ms, err) || json_req_i64(health, "startIntervalMs", 1, MAX_MS, &out->start_interval_ms, err) ||
        json_req_i64(health, "retries", 1, INT32_MAX, &out->retries, err) || json_opt_enum(health, "onFailure", action_names, &action, err))
        return rt_wrap(err, "health");
    out->on_failure = (enum health_action)action;
    return out->args[0] ? 0 : rt_fail(err, "PLAN_INVALID", 0, NULL, "health: args is empty");
}

static int parse_stop(const json_t *plan, struct monitor_config *out, struct rt_error *err)
{
    json_t *stop = NULL;
    out->stop_signal = SIGTERM;
    out->stop_timeout_ms = 10000;
    if (json_opt_obj(plan, "stop", &stop, err)) return -1;
    if (!stop) return 0;
    return json_allow(stop, err, "signal", "timeoutMs", NULL) || json_opt_i64(stop, "signal", 1, 64, &out->stop_signal, err) || json_opt_i64(stop, "timeoutMs", -1, MAX_MS, &out->stop_timeout_ms, err)
               ? rt_wrap(err, "stop")
               : 0;
}

static int parse_container(const json_t *plan, struct monitor_config *out, struct rt_error *err)
{
    json_t *config, *network;
    bool tty = false;
    if (plan_runtime(plan, &out->external, err) || json_req_obj(plan, "config", &config, err) || json_req_obj(plan, "network", &network, err) || plan_cgroup(plan, &out->cgroup_path, err) || json_opt_bool(plan, "tty", &tty, err) ||
        network_parse(network, &out->network, err) || network_configure(out->network, config, err) || !(out->spec = spec_from_json(config, err)))
        return -1;
    if (!out->spec->process) return rt_fail(err, "PLAN_INVALID", 0, NULL, "the config has no process");
    if (out->spec->process->terminal != tty) return rt_fail(err, "PLAN_INVALID", 0, NULL, "tty and process.terminal of the config differ");
    return plan_user(plan, &out->spec->arena, &out->user, &out->groups, err) || plan_trees(plan, out->spec, &out->trees, err) ? -1 : 0;
}

int monitor_config_parse(struct plan *plan, struct monitor_config *out, struct rt_error *err)
{
    const json_t *json = plan->json;
    json_t *restart = NULL;
    int mode = STDIN_NONE;
    *out = (struct monitor_config){.start = true, .plan = json};
    if (plan_allow(plan, err, "id", "name", "dir", "runDir", "rootfs", "config", "user", "network", "cgroup", "trees", "runtime", "tty", "stdin", "log", "restart", "stop", "health", "init", "start", "joined") ||
        json_req_str(json, "id", &out->id, err) || json_req_str(json, "dir", &out->dir, err) || json_req_str(json, "runDir", &out->run_dir, err) ||
        json_opt_str(json, "name", &out->name, err) || tree_req(json, "rootfs", &out->rootfs, err) || json_opt_enum(json, "stdin", stdin_names, &mode, err) ||
        json_opt_bool(json, "init", &out->init, err) || json_opt_bool(json, "start", &out->start, err) || json_opt_obj(json, "restart", &restart, err) ||
        (restart && restart_parse(restart, &out->restart, err)) || parse_log(json, &out->log, err) || parse_health(json, &out->health, err) || parse_stop(json, out, err) ||
        parse_container(json, out, err) || joined_parse(json, out, err))
        return -1;
    out->stdin_mode = (enum stdin_mode)mode;
    if (out->dir[0] != '/' || out->run_dir[0] != '/') return rt_fail(err, "PLAN_INVALID", 0, NULL, "dir and runDir must be absolute paths");
    return 0;
}

void monitor_config_free(struct monitor_config *config)
{
    plan_trees_free(&config->trees);
    tree_free(&config->rootfs);
    network_free(&config->network);
    free(config->health.args);
    free(config->log.fields);
    spec_free(config->spec);
    *config = (struct monitor_config){0};
}
