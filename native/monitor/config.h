#pragma once
#include "base/plan.h"
#include "network/network.h"
#include "runtime/plan_members.h"

/* The plan of the verb `monitor` as data (docs/native-core.md, "monitor"): parsed and checked completely before anything is done. Strings belong to the plan. */

enum stdin_mode { STDIN_NONE, STDIN_OPEN, STDIN_ONCE };
enum log_driver { LOG_JSON_FILE, LOG_LOCAL, LOG_NONE, LOG_JOURNALD };
enum restart_policy { RESTART_NO, RESTART_ON_FAILURE, RESTART_ALWAYS, RESTART_UNLESS_STOPPED };
enum health_action { HEALTH_NONE, HEALTH_KILL, HEALTH_RESTART, HEALTH_STOP };

struct log_options {
    enum log_driver driver;
    const char *path; /* journald: of its socket */
    const char **fields; /* journald: NAME=value of each entry */
    int64_t max_size; /* bytes of one file; 0: no limit */
    int64_t max_files;
    bool compress;          /* rotated files */
    const char *attributes; /* an object as JSON that each entry carries as `attrs`; NULL: none */
};

struct restart_options {
    enum restart_policy policy;
    int64_t max_retries; /* of on-failure; 0: no limit */
};

struct health_options {
    const char **args; /* NULL: no check */
    int64_t interval_ms, timeout_ms, start_period_ms, start_interval_ms, retries;
    enum health_action on_failure;
};

struct monitor_config {
    const char *id, *dir, *run_dir, *name;
    struct tree rootfs;
    struct plan_trees trees;
    const char *user; /* NULL: the config's */
    struct spec_strings groups;
    struct joined *joined;
    size_t joined_count;
    struct network *network;
    struct spec *spec;
    const char *cgroup_path;
    struct runtime_external external; /* path NULL: built in */
    const json_t *plan;               /* for its "idmap" */
    enum stdin_mode stdin_mode;
    struct log_options log;
    struct restart_options restart;
    struct health_options health;
    int64_t stop_signal, stop_timeout_ms; /* -1: waits for ever */
    bool init, start;
};

int monitor_config_parse(struct plan *plan, struct monitor_config *out, struct rt_error *err);
void monitor_config_free(struct monitor_config *config);

/* Also of the request `update`. */
int restart_parse(const json_t *value, struct restart_options *out, struct rt_error *err);
