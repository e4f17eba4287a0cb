#include "monitor/status.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "runtime/state.h"

static const char *const kind_names[] = {"created", "running", "paused", "restarting", "exited"};
static const char *const health_names[] = {NULL, "starting", "healthy", "unhealthy"};

void timestamp(const struct timespec *time, char out[TIMESTAMP_SIZE])
{
    struct tm utc;
    gmtime_r(&time->tv_sec, &utc);
    size_t size = strftime(out, TIMESTAMP_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out + size, TIMESTAMP_SIZE - size, ".%09ldZ", time->tv_nsec);
}

static json_t *time_json(const struct timespec *time)
{
    char text[TIMESTAMP_SIZE];
    if (time->tv_sec == 0) return json_null();
    timestamp(time, text);
    return json_string(text);
}

/* What a program wrote as text: bytes that are not UTF-8 become the replacement character. */
static json_t *text_json(const struct buf *bytes)
{
    struct buf text = {0};
    struct rt_error ignored;
    json_t *value = json_stringn(bytes->data ? bytes->data : "", bytes->size);
    for (size_t i = 0; !value && i < bytes->size; i++) {
        unsigned char c = (unsigned char)bytes->data[i];
        if (c < 0x80 ? buf_add(&text, &c, 1, &ignored) : buf_str(&text, "\xef\xbf\xbd", &ignored)) break;
    }
    if (!value) value = json_stringn(text.data ? text.data : "", text.size);
    buf_free(&text);
    return value;
}

static json_t *health_json(const struct health_status *health)
{
    if (health->kind == HEALTH_ABSENT) return json_null();
    json_t *log = json_array();
    for (size_t i = 0; log && i < health->log_count; i++) {
        const struct probe_result *probe = &health->log[i];
        json_array_append_new(log, json_pack("{s:o, s:o, s:i, s:o}", "start", time_json(&probe->start), "end", time_json(&probe->end), "exitCode", probe->exit_code, "output",
                                             text_json(&probe->output)));
    }
    return json_pack("{s:s, s:I, s:o}", "status", health_names[health->kind], "failingStreak", (json_int_t)health->failing_streak, "log", log);
}

void status_process(struct status *status, pid_t pid)
{
    bool zombie;
    status->pid = pid;
    if (pid == 0 || !process_start_time(pid, &status->pid_start, &zombie)) status->pid_start = 0;
}

void status_note(struct status *status, enum transition_kind kind, const struct timespec *at)
{
    if (status->recent_count == RECENT) memmove(status->recent, status->recent + 1, --status->recent_count * sizeof *status->recent);
    status->recent[status->recent_count++] = (struct transition){.kind = kind, .at = *at, .exit_code = status->exit_code, .health = status->health.kind};
}

static json_t *recent_json(const struct status *status)
{
    static const char *const names[] = {"start", "die", "oom", "health_status"};
    json_t *list = json_array();
    for (size_t i = 0; list && i < status->recent_count; i++) {
        const struct transition *one = &status->recent[i];
        json_t *object = json_pack("{s:s, s:o}", "action", names[one->kind], "at", time_json(&one->at));
        if (one->kind == TRANSITION_DIE) json_object_set_new(object, "exitCode", json_integer(one->exit_code));
        if (one->kind == TRANSITION_HEALTH) json_object_set_new(object, "health", json_string(health_names[one->health]));
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *status_json(const struct status *status)
{
    const struct buf error = {.data = (char *)(uintptr_t)status->error, .size = strlen(status->error)};
    return json_pack("{s:s, s:i, s:I, s:o, s:o, s:i, s:o, s:b, s:o, s:I, s:o, s:o}", "status", kind_names[status->kind], "pid", status->pid, "pidStart", (json_int_t)status->pid_start, "startedAt", time_json(&status->started), "finishedAt",
                     time_json(&status->finished), "exitCode", status->exit_code, "signal", status->signal ? json_integer(status->signal) : json_null(), "oomKilled", status->oom_killed, "error",
                     text_json(&error), "restartCount", (json_int_t)status->restart_count, "health", health_json(&status->health), "recent", recent_json(status));
}

int status_write(const struct status *status, const char *dir, struct rt_error *err)
{
    auto_json json_t *json = status_json(status);
    auto_free char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    if (!text) return rt_nomem(err);
    auto_close int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (at < 0) return rt_fail_at(err, dir, "PATH_MISSING", errno, "open", "cannot open the container's directory '%s'", dir);
    /* Not synced: after a crash of the machine the container does not run, whatever the file says. */
    auto_close int fd = openat(at, ".state.json.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || write_all(fd, text, strlen(text)) || renameat(at, ".state.json.new", at, "state.json"))
        return rt_fail_at(err, dir, "NATIVE_FAILED", errno, "write", "cannot write the state of the container in '%s'", dir);
    return 0;
}
