#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/accept.h"
#include "base/util.h"
#include "network/resolver_internal.h"

/* A connection that says nothing is closed. */
#define IDLE_MS 10000

/* Messages over TCP carry their length in front (RFC 1035, 4.2.2). One question of a connection is under way at a time. */
struct frame {
    unsigned char *data; /* DNS_MAX_MESSAGE + 2 bytes, made when needed */
    size_t size, done;
};

struct tcp_client {
    struct resolver *resolver;
    struct tcp_client *next, **self;
    struct watch client, server;
    struct timer timer;
    struct frame in, out;  /* question, answer */
    size_t sent;           /* of the question, to the server */
    size_t asked;
    enum { READING, ASKING, WAITING, ANSWERING } state;
};

void resolver_stream_close(struct tcp_client *c)
{
    loop_cancel(c->resolver->loop, &c->timer);
    loop_unwatch(c->resolver->loop, &c->client);
    loop_unwatch(c->resolver->loop, &c->server);
    util_close(&c->client.fd);
    util_close(&c->server.fd);
    *c->self = c->next;
    if (c->next)
        c->next->self = c->self;
    c->resolver->stream_count--;
    free(c->in.data);
    free(c->out.data);
    free(c);
}

/* Reads one frame. 1 complete, 0 more to come, -1 the connection ended or broke. */
static int read_frame(int fd, struct frame *frame)
{
    for (;;) {
        size_t wanted = frame->done < 2 ? 2 : 2 + ((size_t)frame->data[0] << 8 | frame->data[1]);
        if (frame->done == wanted && wanted > 2)
            return frame->size = wanted, 1;
        if (frame->done >= 2 && wanted == 2)
            return -1;
        ssize_t n = recv(fd, frame->data + frame->done, wanted - frame->done, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return -1;
        if (n < 0)
            return 0;
        frame->done += (size_t)n;
    }
}

/* Writes the rest of `frame` from *done. 1 complete, 0 more to go, -1 broken. */
static int write_frame(int fd, const struct frame *frame, size_t *done)
{
    while (*done < frame->size) {
        ssize_t n = send(fd, frame->data + *done, frame->size - *done, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -1;
        *done += (size_t)n;
    }
    return 1;
}

static void set_length(struct frame *frame, size_t size)
{
    frame->data[0] = (unsigned char)(size >> 8);
    frame->data[1] = (unsigned char)size;
    frame->size = size + 2;
    frame->done = 0;
}

static void watch_client(struct tcp_client *c, uint32_t events)
{
    struct rt_error ignored; /* the watch exists: changing it needs no memory */
    loop_watch(c->resolver->loop, &c->client, events, &ignored);
}

static void answer(struct tcp_client *c)
{
    loop_unwatch(c->resolver->loop, &c->server);
    util_close(&c->server.fd);
    c->state = ANSWERING;
    loop_timer(c->resolver->loop, &c->timer, IDLE_MS);
    watch_client(c, EPOLLOUT);
}

static void server_ready(struct watch *watch, uint32_t events);

static void ask(struct tcp_client *c)
{
    const struct name_service *service = &c->resolver->network->name_service;
    while (c->asked < service->server_count) {
        const struct address *server = &service->servers[c->asked++];
        struct sockaddr_storage address;
        socklen_t size = address_sockaddr(server, 53, &address);
        struct rt_error ignored;
        loop_unwatch(c->resolver->loop, &c->server);
        util_close(&c->server.fd);
        c->server = (struct watch){ .fd = shared_socket(c->resolver->shared, server->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), .ready = server_ready };
        if (c->server.fd < 0 || (connect(c->server.fd, (struct sockaddr *)&address, size) < 0 && errno != EINPROGRESS) ||
            loop_watch(c->resolver->loop, &c->server, EPOLLOUT, &ignored) < 0)
            continue;
        c->state = ASKING;
        c->sent = 0;
        c->out.done = 0;
        loop_timer(c->resolver->loop, &c->timer, RESOLVER_TIMEOUT_MS);
        watch_client(c, 0);
        return;
    }
    set_length(&c->out, resolver_refuse(c->in.data + 2, c->in.size - 2, DNS_SERVFAIL, c->out.data + 2));
    answer(c);
}

static void server_ready(struct watch *watch, uint32_t events)
{
    struct tcp_client *c = container_of(watch, struct tcp_client, server);
    struct rt_error ignored;
    (void)events;
    if (c->state == ASKING) {
        int sent = write_frame(watch->fd, &c->in, &c->sent);
        if (sent < 0)
            ask(c);
        else if (sent > 0) {
            c->state = WAITING;
            loop_watch(c->resolver->loop, watch, EPOLLIN, &ignored);
        }
        return;
    }
    int got = read_frame(watch->fd, &c->out);
    if (got < 0) {
        ask(c);
    } else if (got > 0) {
        c->out.done = 0;
        answer(c);
    }
}

static void question_came(struct tcp_client *c)
{
    size_t size = 0;
    c->asked = 0;
    switch (resolver_consider(c->resolver, c->in.data + 2, c->in.size - 2, DNS_MAX_MESSAGE, c->out.data + 2, &size)) {
    case RESOLVER_ANSWERED:
        set_length(&c->out, size);
        answer(c);
        break;
    case RESOLVER_FORWARD:
        ask(c);
        break;
    case RESOLVER_IGNORE:
        resolver_stream_close(c);
        break;
    }
}

static void client_ready(struct watch *watch, uint32_t events)
{
    struct tcp_client *c = container_of(watch, struct tcp_client, client);
    if (c->state == READING) {
        int got = read_frame(watch->fd, &c->in);
        if (got < 0)
            resolver_stream_close(c);
        else if (got > 0)
            question_came(c);
    } else if (c->state == ANSWERING) {
        int done = write_frame(watch->fd, &c->out, &c->out.done);
        if (done < 0) {
            resolver_stream_close(c);
        } else if (done > 0) {
            c->state = READING;
            c->in.done = 0;
            watch_client(c, EPOLLIN);
        }
    } else if (events & (EPOLLERR | EPOLLHUP)) {
        resolver_stream_close(c);
    }
}

static void timed_out(struct timer *timer)
{
    struct tcp_client *c = container_of(timer, struct tcp_client, timer);
    if (c->state == ASKING || c->state == WAITING)
        ask(c);
    else
        resolver_stream_close(c);
}

void resolver_tcp_ready(struct watch *watch, uint32_t events)
{
    struct resolver *resolver = container_of(watch, struct resolver, tcp);
    struct rt_error ignored;
    (void)events;
    auto_close int fd = accept_or_refuse(watch->fd);
    if (fd < 0 || resolver->stream_count >= RESOLVER_MAX_STREAMS)
        return;
    struct tcp_client *c = calloc(1, sizeof *c);
    if (!c)
        return;
    *c = (struct tcp_client){ .resolver = resolver,
                              .next = resolver->streams,
                              .self = &resolver->streams,
                              .client = { .fd = take_fd(&fd), .ready = client_ready },
                              .server = { .fd = -1 },
                              .timer = { .fire = timed_out },
                              .in.data = malloc(DNS_MAX_MESSAGE + 2),
                              .out.data = malloc(DNS_MAX_MESSAGE + 2),
                              .state = READING };
    if (resolver->streams)
        resolver->streams->self = &c->next;
    resolver->streams = c;
    resolver->stream_count++;
    if (!c->in.data || !c->out.data || loop_watch(resolver->loop, &c->client, EPOLLIN, &ignored) < 0) {
        resolver_stream_close(c);
        return;
    }
    loop_timer(resolver->loop, &c->timer, IDLE_MS);
}
