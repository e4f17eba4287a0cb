#include <endian.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/accept.h"
#include "base/util.h"
#include "monitor/monitor.h"

#define HEADER 8
#define MAX_FRAME (1 << 20)
/* Frames are read ahead of stdin that the container does not take, so that a signal behind it is heard. */
#define AHEAD (1 << 20)
/* Output that waits for a client: from here on the container's output is not read, so that it waits instead of being lost. */
#define SLOW 131072

static void watch_client(struct client *c)
{
    struct rt_error ignored; /* the watch exists: changing it needs no memory */
    uint32_t in = c->ended || (c->held && c->in.size >= AHEAD) ? 0 : (uint32_t)EPOLLIN, out = c->out.size > c->sent ? (uint32_t)EPOLLOUT : 0;
    if (c->ended) shutdown(c->watch.fd, SHUT_RDWR); /* an event follows, which closes it */
    loop_watch(&c->monitor->loop, &c->watch, in | out, &ignored);
}

static void end_stdin(struct client *c)
{
    if (c->has_stdin && --c->monitor->stdin_clients == 0) streams_end_input(c->monitor);
    c->has_stdin = false;
}

static void leave(struct client *c)
{
    end_stdin(c);
    c->attached = false;
}

void client_close(struct client *c)
{
    struct monitor *m = c->monitor;
    bool read_log = c->reader.self;
    leave(c);
    log_reader_remove(&c->reader);
    loop_unwatch(&m->loop, &c->watch);
    util_close(&c->watch.fd);
    *c->self = c->next;
    if (c->next) c->next->self = c->self;
    buf_free(&c->in);
    buf_free(&c->out);
    free(c);
    if (read_log) streams_log_read(m);
    streams_release(m);
}

bool client_flush(struct client *c)
{
    while (c->sent < c->out.size) {
        ssize_t n = send(c->watch.fd, c->out.data + c->sent, c->out.size - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) return errno == EAGAIN || errno == EINTR;
        c->sent += (size_t)n;
    }
    buf_cut(&c->out, 0);
    if (c->out.capacity > SLOW) buf_free(&c->out);
    c->sent = 0;
    return true;
}

void client_send(struct client *c, enum frame_out type, const void *data, size_t size)
{
    struct rt_error ignored;
    unsigned char header[HEADER] = {(unsigned char)type};
    uint32_t length = htobe32((uint32_t)size);
    memcpy(header + 4, &length, sizeof length);
    if (c->ended || c->left) return;
    if (buf_add(&c->out, header, HEADER, &ignored) || buf_add(&c->out, data, size, &ignored) || !client_flush(c)) c->ended = true;
    watch_client(c);
}

void client_answer(struct client *c, json_t *answer)
{
    auto_free char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
    json_decref(answer);
    if (text)
        client_send(c, FRAME_ANSWER, text, strlen(text));
    else
        c->ended = true;
}

void client_fail(struct client *c, const struct rt_error *err)
{
    char number[16];
    json_t *answer = json_pack("{s:s, s:s, s:o}", "type", "error", "code", err->code, "message", json_from_path(err->message));
    if (answer && err->saved_errno) json_object_set_new(answer, "errno", json_string(rt_errno_name(err->saved_errno, number)));
    if (answer && err->syscall[0]) json_object_set_new(answer, "syscall", json_string(err->syscall));
    if (answer && err->path[0]) json_object_set_new(answer, "path", json_from_path(err->path));
    client_answer(c, answer);
}

static int json_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : 0;
    return number > 0 && number <= UINT16_MAX ? (int)number : 0;
}

static void resize(struct client *c, const char *text, size_t size)
{
    struct rt_error ignored;
    auto_json json_t *value = json_parse(text, size, "PLAN_INVALID", "the size", &ignored);
    int rows = json_number(value, "rows"), columns = json_number(value, "cols");
    if (rows && columns) streams_resize(c->monitor, rows, columns);
}

static void take_frame(struct client *c, int type, const char *data, size_t size)
{
    struct monitor *m = c->monitor;
    switch (type) {
    case FRAME_STDIN: streams_write(m, data, size); break;
    case FRAME_STDIN_END: end_stdin(c); break;
    case FRAME_RESIZE: resize(c, data, size); break;
    case FRAME_REQUEST: request_handle(c, data, size); break;
    default: c->ended = true;
    }
}

/* Handles the frames that are complete; stdin for which there is no room stays. */
static void take_frames(struct client *c)
{
    size_t at = 0, kept = 0;
    c->held = false; /* what we do may make room for stdin: nobody is to begin here again */
    while (!c->ended && c->in.size - at >= HEADER) {
        uint32_t length;
        int type = (unsigned char)c->in.data[at];
        memcpy(&length, c->in.data + at + 4, sizeof length);
        length = be32toh(length);
        if (length > MAX_FRAME) {
            c->ended = true;
            break;
        }
        size_t size = HEADER + length;
        if (c->in.size - at < size) break;
        bool is_stdin = type == FRAME_STDIN || type == FRAME_STDIN_END;
        if (is_stdin && (kept > 0 || streams_full(c->monitor))) {
            memmove(c->in.data + kept, c->in.data + at, size);
            kept += size;
        } else {
            take_frame(c, type, c->in.data + at + HEADER, length);
        }
        at += size;
    }
    c->held = kept > 0;
    if (at == kept) return;
    memmove(c->in.data + kept, c->in.data + at, c->in.size - at);
    buf_cut(&c->in, c->in.size - (at - kept));
    if (c->in.size == 0 && c->in.capacity > SLOW) buf_free(&c->in);
}

static void receive(struct client *c)
{
    struct rt_error ignored;
    char data[32768];
    ssize_t n = recv(c->watch.fd, data, sizeof data, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n == 0 && c->held) { /* what it sent is still the container's */
        c->left = true;
        c->attached = false;
        loop_unwatch(&c->monitor->loop, &c->watch);
        return;
    }
    if (n <= 0 || buf_add(&c->in, data, (size_t)n, &ignored)) {
        c->ended = true;
        return;
    }
    take_frames(c);
}

static void client_ready(struct watch *watch, uint32_t events)
{
    struct client *c = container_of(watch, struct client, watch);
    if (events & EPOLLOUT && !client_flush(c)) c->ended = true;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !c->ended) receive(c);
    if (c->left) return;
    if (c->ended) {
        client_close(c);
        return;
    }
    watch_client(c);
    streams_release(c->monitor);
}

static void accept_client(struct watch *watch, uint32_t events)
{
    struct monitor *m = container_of(watch, struct monitor, listener);
    struct rt_error ignored;
    (void)events;
    auto_close int fd = accept_or_refuse(watch->fd);
    struct client *c = fd < 0 ? NULL : calloc(1, sizeof *c);
    if (!c) return;
    *c = (struct client){.monitor = m, .next = m->clients, .self = &m->clients, .watch = {.fd = fd, .ready = client_ready}};
    if (loop_watch(&m->loop, &c->watch, EPOLLIN, &ignored)) {
        free(c);
        return;
    }
    take_fd(&fd);
    if (m->clients) m->clients->self = &c->next;
    m->clients = c;
}

/* The working directory is the run directory, which makes any path of it short enough for a socket. */
int clients_listen(struct monitor *m, struct rt_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "control.sock"};
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    accept_reserve();
    unlink(address.sun_path);
    mode_t mask = umask(0177);
    bool bound = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, SOMAXCONN) == 0;
    umask(mask);
    if (!bound) return rt_fail(err, "NATIVE_FAILED", errno, "bind", "cannot open the control socket in '%s'", m->config->run_dir);
    m->listener = (struct watch){.fd = take_fd(&fd), .ready = accept_client};
    return loop_watch(&m->loop, &m->listener, EPOLLIN, err);
}

void clients_output(struct monitor *m, enum log_stream stream, const char *data, size_t size)
{
    for (struct client *c = m->clients; c; c = c->next)
        if (c->attached) client_send(c, stream == LOG_STDOUT ? FRAME_STDOUT : FRAME_STDERR, data, size);
}

bool clients_slow(const struct monitor *m)
{
    for (const struct client *c = m->clients; c; c = c->next)
        if (c->attached && !c->ended && c->out.size - c->sent > SLOW) return true;
    return false;
}

void clients_resume(struct monitor *m)
{
    for (struct client *c = m->clients, *next; c && !streams_full(m); c = next) {
        next = c->next;
        if (!c->held) continue;
        take_frames(c);
        if (!c->left)
            watch_client(c);
        else if (!c->held)
            client_close(c);
    }
}

void clients_exit(struct monitor *m)
{
    for (struct client *c = m->clients; c; c = c->next) {
        json_t *exit = request_exit_json(m);
        auto_free char *text = exit ? json_dumps(exit, JSON_COMPACT) : NULL;
        json_decref(exit);
        for (; c->answers_due > 0; c->answers_due--) client_answer(c, request_exit_json(m));
        if (c->attached && text) client_send(c, FRAME_EXIT, text, strlen(text));
        leave(c);
    }
}
