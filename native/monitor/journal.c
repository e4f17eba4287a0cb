#include <endian.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/util.h"
#include "monitor/log.h"

/*
 * The journal of systemd, by its native protocol: a datagram for each entry, of lines NAME=value; a value with a newline in it is written as NAME, newline, its length (64 bits,
 * little endian), the value. Fields and priorities are docker's.
 */

/* syslog's: informational for stdout, error for stderr. */
static const char *const priorities[] = {"PRIORITY=6\n", "PRIORITY=3\n"};

int journal_open(const char *path, int *out, struct rt_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return rt_fail_at(err, path, "PLAN_INVALID", 0, NULL, "log: the path of the journal is too long");
    strcpy(address.sun_path, path);
    auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return rt_fail(err, "NATIVE_FAILED", errno, "socket", "cannot make a socket for the journal");
    const struct timeval patience = {.tv_sec = 1}; /* a journal that hangs does not hang the container for ever */
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) return rt_fail_at(err, path, "FEATURE_MISSING", errno, "connect", "journald is not enabled on this host");
    *out = take_fd(&fd);
    return 0;
}

static int put_field(struct buf *out, const char *name, const char *data, size_t size, struct rt_error *err)
{
    uint64_t length = htole64(size);
    if (buf_str(out, name, err)) return -1;
    bool plain = !memchr(data, '\n', size);
    if (plain ? buf_str(out, "=", err) : buf_str(out, "\n", err) || buf_add(out, &length, sizeof length, err)) return -1;
    return buf_add(out, data, size, err) || buf_str(out, "\n", err) ? -1 : 0;
}

/* NAME=value, of which the value may hold anything. */
static int put_pair(struct buf *out, const char *pair, struct rt_error *err)
{
    const char *equals = strchr(pair, '=');
    if (!equals) return 0;
    auto_free char *name = strndup(pair, (size_t)(equals - pair));
    return name ? put_field(out, name, equals + 1, strlen(equals + 1), err) : rt_nomem(err);
}

void journal_send(int fd, const char *const *fields, enum log_stream stream, const char *data, size_t size, bool partial)
{
    struct rt_error ignored; /* a journal that is gone loses lines, as a full disk does */
    struct buf entry = {0};
    int failed = put_field(&entry, "MESSAGE", data, size, &ignored) || buf_str(&entry, priorities[stream], &ignored) ||
                 (partial && buf_str(&entry, "CONTAINER_PARTIAL_MESSAGE=true\n", &ignored));
    for (; !failed && *fields; fields++) failed = put_pair(&entry, *fields, &ignored);
    if (!failed)
        while (send(fd, entry.data, entry.size, MSG_NOSIGNAL) < 0 && errno == EINTR) continue;
    buf_free(&entry);
}
