#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/error.h"
#include "base/util.h"

/* What `dir/state.json` says of a container: the truth about it for everybody else. Replaced whole at each change. */

enum status_kind { STATUS_CREATED, STATUS_RUNNING, STATUS_PAUSED, STATUS_RESTARTING, STATUS_EXITED };
enum health_kind { HEALTH_ABSENT, HEALTH_STARTING, HEALTH_HEALTHY, HEALTH_UNHEALTHY };

#define HEALTH_LOG 5
#define HEALTH_OUTPUT 4096

struct probe_result {
    struct timespec start, end;
    int exit_code;
    struct buf output;
};

struct health_status {
    enum health_kind kind;
    int64_t failing_streak;
    struct probe_result log[HEALTH_LOG]; /* oldest first */
    size_t log_count;
};

enum transition_kind { TRANSITION_START, TRANSITION_DIE, TRANSITION_OOM, TRANSITION_HEALTH };

/* What happened by itself, for those who look only now and then. */
#define RECENT 16
struct transition {
    enum transition_kind kind;
    struct timespec at;
    int exit_code;           /* of DIE */
    enum health_kind health; /* of HEALTH */
};

struct status {
    enum status_kind kind;
    pid_t pid;
    uint64_t pid_start; /* with it the pid is told from a later one of the same number */
    struct timespec started, finished; /* tv_sec 0: has not happened */
    int exit_code, signal;
    bool oom_killed;
    char error[1024]; /* why it could not be started, or empty */
    int64_t restart_count;
    struct health_status health;
    struct transition recent[RECENT]; /* oldest first */
    size_t recent_count;
};

/* RFC 3339 in UTC with nine digits behind the second. */
#define TIMESTAMP_SIZE sizeof "2026-01-02T03:04:05.123456789Z"
void timestamp(const struct timespec *time, char out[TIMESTAMP_SIZE]);

/* `pid` 0: none runs. */
void status_process(struct status *status, pid_t pid);

/* Adds to `recent` what the status says now. */
void status_note(struct status *status, enum transition_kind kind, const struct timespec *at);

int status_write(const struct status *status, const char *dir, struct rt_error *err);
