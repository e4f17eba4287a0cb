#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/util.h"
#include "network/relay_internal.h"

#define CHUNK (1 << 16)

/* One direction: bytes go from a socket through a pipe, uncopied, to the other socket. */
struct lane {
    int pipe[2];
    size_t held;   /* bytes in the pipe */
    bool ended;    /* the source said that no more will come */
    bool finished; /* and the destination was told */
};

struct stream {
    struct relay *relay;
    struct stream *next, **self;
    struct watch client, container;
    struct lane up, down; /* client → container, container → client */
    bool connected;
};

static void lane_close(struct lane *lane)
{
    util_close(&lane->pipe[0]);
    util_close(&lane->pipe[1]);
}

void relay_stream_close(struct stream *stream)
{
    loop_unwatch(stream->relay->loop, &stream->client);
    loop_unwatch(stream->relay->loop, &stream->container);
    util_close(&stream->client.fd);
    util_close(&stream->container.fd);
    lane_close(&stream->up);
    lane_close(&stream->down);
    *stream->self = stream->next;
    if (stream->next)
        stream->next->self = stream->self;
    free(stream);
}

/* Moves what can be moved now. False: the connection is broken. */
static bool lane_move(struct lane *lane, int from, int to)
{
    for (;;) {
        ssize_t in = 0, out = 0;
        if (!lane->ended && lane->held < CHUNK) {
            in = splice(from, NULL, lane->pipe[1], NULL, CHUNK - lane->held, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
            if (in == 0)
                lane->ended = true;
            else if (in > 0)
                lane->held += (size_t)in;
            else if (errno != EAGAIN && errno != EINTR)
                return false;
        }
        if (lane->held > 0) {
            out = splice(lane->pipe[0], NULL, to, NULL, lane->held, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
            if (out > 0)
                lane->held -= (size_t)out;
            else if (out < 0 && errno != EAGAIN && errno != EINTR)
                return false;
        }
        if (lane->ended && lane->held == 0 && !lane->finished) {
            lane->finished = true;
            shutdown(to, SHUT_WR);
        }
        if (in <= 0 && out <= 0)
            return true;
    }
}

/* What to wait for at a socket that is the source of one lane and the destination of the other. */
static uint32_t wanted(const struct lane *source, const struct lane *destination)
{
    return (!source->ended && source->held < CHUNK ? (uint32_t)EPOLLIN : 0) | (destination->held > 0 ? (uint32_t)EPOLLOUT : 0);
}

static void stream_serve(struct stream *stream)
{
    struct rt_error ignored; /* both watches exist: changing them needs no memory */
    if (stream->connected) {
        bool whole = lane_move(&stream->up, stream->client.fd, stream->container.fd) && lane_move(&stream->down, stream->container.fd, stream->client.fd);
        if (!whole || (stream->up.finished && stream->down.finished)) {
            relay_stream_close(stream);
            return;
        }
    }
    loop_watch(stream->relay->loop, &stream->client, stream->connected ? wanted(&stream->up, &stream->down) : 0, &ignored);
    loop_watch(stream->relay->loop, &stream->container, stream->connected ? wanted(&stream->down, &stream->up) : (uint32_t)EPOLLOUT, &ignored);
}

static void client_ready(struct watch *watch, uint32_t events)
{
    struct stream *stream = container_of(watch, struct stream, client);
    if ((events & EPOLLERR) || ((events & EPOLLHUP) && !stream->connected))
        relay_stream_close(stream);
    else
        stream_serve(stream);
}

static void container_ready(struct watch *watch, uint32_t events)
{
    struct stream *stream = container_of(watch, struct stream, container);
    if (!stream->connected) {
        int failed = 0;
        socklen_t size = sizeof failed;
        getsockopt(watch->fd, SOL_SOCKET, SO_ERROR, &failed, &size);
        if (failed != 0) {
            /* As if the container had been asked itself: the client sees a reset, not an empty answer. */
            struct linger reset = { .l_onoff = 1 };
            setsockopt(stream->client.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
            relay_stream_close(stream);
            return;
        }
        stream->connected = true;
    } else if (events & EPOLLERR) {
        relay_stream_close(stream);
        return;
    }
    stream_serve(stream);
}

static struct stream *stream_open(struct relay *relay, int client)
{
    struct stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return NULL;
    *stream = (struct stream){ .relay = relay,
                               .next = relay->streams,
                               .self = &relay->streams,
                               .client = { .fd = -1, .ready = client_ready },
                               .container = { .fd = -1, .ready = container_ready },
                               .up.pipe = { -1, -1 },
                               .down.pipe = { -1, -1 } };
    if (relay->streams)
        relay->streams->self = &stream->next;
    relay->streams = stream;
    struct rt_error ignored;
    int on = 1;
    stream->container.fd = socket(relay->target.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (stream->container.fd < 0 || pipe2(stream->up.pipe, O_CLOEXEC | O_NONBLOCK) < 0 || pipe2(stream->down.pipe, O_CLOEXEC | O_NONBLOCK) < 0 ||
        (connect(stream->container.fd, (struct sockaddr *)&relay->target, relay->target_size) < 0 && errno != EINPROGRESS)) {
        relay_stream_close(stream);
        return NULL;
    }
    setsockopt(stream->container.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    stream->client.fd = client;
    if (loop_watch(relay->loop, &stream->client, 0, &ignored) < 0 || loop_watch(relay->loop, &stream->container, EPOLLOUT, &ignored) < 0) {
        stream->client.fd = -1; /* the caller closes it */
        relay_stream_close(stream);
        return NULL;
    }
    return stream;
}

void relay_tcp_ready(struct watch *watch, uint32_t events)
{
    struct relay *relay = container_of(watch, struct relay, watch);
    (void)events;
    for (int i = 0; i < 64; i++) {
        auto_close int client = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
                relay_pause(relay);
            return;
        }
        if (stream_open(relay, client))
            take_fd(&client);
    }
}
