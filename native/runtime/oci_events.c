#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/util.h"
#include "runtime/cgroup_stats.h"
#include "runtime/oci.h"

static int print(const struct container *container, const char *id, const char *type, struct rt_error *err)
{
    auto_json json_t *event = json_pack("{s:s, s:s}", "type", type, "id", id);
    if (event && strcmp(type, "stats") == 0) json_object_set_new(event, "data", cgroup_stats(runtime_cgroup(container)));
    auto_free char *text = event ? json_dumps(event, JSON_COMPACT) : NULL;
    if (!text) return rt_nomem(err);
    return puts(text) < 0 || fflush(stdout) ? rt_fail(err, "NATIVE_FAILED", errno, "write", "cannot write the event") : 0;
}

/* "5s", "500ms", "1m" as Go writes durations; in milliseconds. */
static bool parse_interval(const char *text, int64_t *out)
{
    static const struct {
        const char *unit;
        int64_t factor;
    } UNITS[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    char digits[16];
    size_t length = strspn(text, "0123456789");
    if (length == 0 || length >= sizeof digits) return false;
    memcpy(digits, text, length);
    digits[length] = 0;
    for (size_t i = 0; i < ARRAY_LEN(UNITS); i++)
        if (strcmp(text + length, UNITS[i].unit) == 0) return parse_i64(digits, 1, INT32_MAX / UNITS[i].factor, out) && (*out *= UNITS[i].factor) > 0;
    return false;
}

/* Until the container ends. The kernel's count of OOM kills is compared every half second: it has no notification that both versions of cgroups share. */
static int follow(const struct container *container, const char *id, int64_t interval, struct rt_error *err)
{
    enum { TICK = 500 };
    uint64_t kills = cgroup_oom_kills(runtime_cgroup(container));
    for (int64_t next = now_ms() + interval;;) {
        struct pollfd waited = {.fd = runtime_pidfd(container), .events = POLLIN};
        int64_t left = next - now_ms();
        int ready = poll(&waited, 1, left < 0 ? 0 : left < TICK ? (int)left : TICK);
        if (ready < 0 && errno != EINTR) return rt_fail(err, "NATIVE_FAILED", errno, "poll", "cannot wait for the container");
        uint64_t now = cgroup_oom_kills(runtime_cgroup(container));
        if (now > kills && print(container, id, "oom", err)) return -1;
        kills = now;
        if (ready > 0) return 0;
        if (now_ms() < next) continue;
        if (print(container, id, "stats", err)) return -1;
        next = now_ms() + interval;
    }
}

int oci_events(struct oci *oci, int argc, char **argv, struct rt_error *err)
{
    bool stats = false;
    const char *interval = "5s";
    int64_t milliseconds;
    struct container *container;
    auto_free char *path = NULL;
    auto_close int directory = -1;
    const struct oci_flag flags[] = {{"stats", 0, FLAG_BOOL, &stats}, {"interval", 0, FLAG_TEXT, &interval}, {NULL, 0, FLAG_BOOL, NULL}};
    if (oci_flags(flags, false, &argc, argv, err) || oci_count(oci, "events", argc, 1, 1, err)) return -1;
    if (!parse_interval(interval, &milliseconds)) return rt_fail(err, "USAGE", 0, NULL, "duration interval must be greater than 0");
    if (oci_open(oci, argv[0], &container, &path, &directory, err)) return -1;
    int result = strcmp(oci_status(container, directory), "stopped") == 0 ? rt_fail(err, "CONTAINER_STOPPED", 0, NULL, "container with id %s is not running", argv[0])
                 : stats                                                   ? print(container, argv[0], "stats", err)
                                                                           : follow(container, argv[0], milliseconds, err);
    runtime_close(container);
    return result;
}
