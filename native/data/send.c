#include <fcntl.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/plan.h"
#include "base/util.h"
#include "data/bulk.h"
#include "data/progress.h"
#include "verbs.h"

#define STEP (1u << 20)
#define WAIT_MS 100

struct send_plan {
    struct bulk file, socket;
    int64_t start, end;
};

static int parse(const struct plan *plan, struct send_plan *out, struct rt_error *err)
{
    out->end = -1;
    if (plan_allow(plan, err, "file", "socket", "start", "end") < 0 || json_opt_i64(plan->json, "start", 0, INT64_MAX, &out->start, err) < 0 ||
        json_opt_i64(plan->json, "end", 0, INT64_MAX, &out->end, err) < 0)
        return -1;
    int file = bulk_parse(plan->json, "file", &out->file, err), socket = file < 0 ? -1 : bulk_parse(plan->json, "socket", &out->socket, err);
    if (file < 0 || socket < 0) return -1;
    if (file == 0 || socket == 0 || out->socket.path || out->end < out->start)
        return rt_fail(err, "PLAN_INVALID", 0, NULL, "'file', 'end' and a descriptor as 'socket' are needed");
    return 0;
}

/* The descriptor is the caller's, too, and must stay as it is: it may be non-blocking. */
static int wait_writable(int fd, struct rt_error *err)
{
    struct pollfd poller = { .fd = fd, .events = POLLOUT };
    if (poll(&poller, 1, WAIT_MS) < 0 && errno != EINTR) return rt_fail(err, "NATIVE_FAILED", errno, "poll", "cannot wait for the connection");
    return plan_check(err);
}

static int send_all(struct plan *plan, const struct send_plan *what, struct rt_error *err)
{
    struct progress progress = { .plan = plan, .total = (uint64_t)(what->end - what->start) };
    off_t at = (off_t)what->start;
    while (at < what->end) {
        int64_t left = what->end - at;
        ssize_t n = sendfile(what->socket.fd, what->file.fd, &at, left < STEP ? (size_t)left : STEP);
        if (n == 0) return rt_fail_at(err, what->file.path, "SIZE_MISMATCH", 0, NULL, "cannot send '%s': it is shorter than %lld bytes", what->file.path ? what->file.path : "the file", (long long)what->end);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            if (wait_writable(what->socket.fd, err) < 0) return -1;
            continue;
        }
        if (n < 0) return rt_fail(err, "NATIVE_FAILED", errno, "sendfile", "cannot send on the connection");
        if (progress_report(&progress, (uint64_t)(at - what->start), err) < 0) return -1;
    }
    return 0;
}

/*
 * {"verb":"send","file":"/path","socket":{"fd":5},"start":0,"end":1000} ← {}: a range of a file into a connected socket, from the page cache
 * without a copy. The error of a connection that is gone has the errno EPIPE or ECONNRESET.
 */
int verb_send(struct plan *plan, struct rt_error *err)
{
    struct send_plan what = { .file.fd = -1, .socket.fd = -1 };
    int result = parse(plan, &what, err);
    if (result == 0) result = bulk_open_read(&what.file, err) < 0 || bulk_open_read(&what.socket, err) < 0 ? -1 : send_all(plan, &what, err);
    bulk_free(&what.file);
    bulk_free(&what.socket);
    return result;
}
