#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"
#include "network/resolver_internal.h"

#define MAX_UDP 4096

/* A socket of its own for each question: its port is as random as its id, and connected, so that only the server can answer. */
struct pending {
    struct resolver *resolver;
    struct pending *next, **self;
    struct watch server;
    struct timer timer;
    struct sockaddr_in client;
    size_t asked;          /* servers, over all rounds */
    unsigned char sent_id[2];
    size_t size;
    unsigned char query[]; /* as it came */
};

void resolver_pending_close(struct pending *pending)
{
    struct resolver *resolver = pending->resolver;
    loop_cancel(resolver->loop, &pending->timer);
    loop_unwatch(resolver->loop, &pending->server);
    util_close(&pending->server.fd);
    *pending->self = pending->next;
    if (pending->next)
        pending->next->self = pending->self;
    resolver->pending_count--;
    free(pending);
}

static void reply(const struct resolver *resolver, const struct sockaddr_in *client, const void *data, size_t size)
{
    /* A full queue drops, as UDP does; the client asks again. */
    sendto(resolver->udp.fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)client, sizeof *client);
}

static void server_answers(struct watch *watch, uint32_t events);

/* Asks the next server. When all have been asked often enough the client is told and the question is over. */
static void ask(struct pending *pending)
{
    struct resolver *resolver = pending->resolver;
    const struct name_service *service = &resolver->network->name_service;
    while (pending->asked < service->server_count * RESOLVER_ROUNDS) {
        const struct address *server = &service->servers[pending->asked++ % service->server_count];
        struct sockaddr_storage address;
        socklen_t size = address_sockaddr(server, 53, &address);
        struct rt_error ignored;
        loop_unwatch(resolver->loop, &pending->server);
        util_close(&pending->server.fd);
        pending->server = (struct watch){ .fd = shared_socket(resolver->shared, server->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), .ready = server_answers };
        unsigned char message[MAX_UDP];
        memcpy(message, pending->query, pending->size);
        if (pending->server.fd < 0 || getrandom(pending->sent_id, 2, 0) != 2)
            continue;
        memcpy(message, pending->sent_id, 2);
        if (connect(pending->server.fd, (struct sockaddr *)&address, size) < 0 || send(pending->server.fd, message, pending->size, MSG_NOSIGNAL) < 0 ||
            loop_watch(resolver->loop, &pending->server, EPOLLIN, &ignored) < 0)
            continue;
        loop_timer(resolver->loop, &pending->timer, RESOLVER_TIMEOUT_MS);
        return;
    }
    unsigned char answer[MAX_UDP];
    size_t size = resolver_refuse(pending->query, pending->size, DNS_SERVFAIL, answer);
    reply(resolver, &pending->client, answer, size);
    resolver_pending_close(pending);
}

static void server_answers(struct watch *watch, uint32_t events)
{
    struct pending *pending = container_of(watch, struct pending, server);
    unsigned char answer[DNS_MAX_MESSAGE];
    (void)events;
    ssize_t n = recv(watch->fd, answer, sizeof answer, MSG_DONTWAIT);
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR)
            ask(pending); /* ECONNREFUSED: nobody serves there */
        return;
    }
    if (n < 12 || memcmp(answer, pending->sent_id, 2) != 0 || (answer[2] & 0x80) == 0)
        return; /* not an answer to this question */
    memcpy(answer, pending->query, 2);
    reply(pending->resolver, &pending->client, answer, (size_t)n);
    resolver_pending_close(pending);
}

static void timed_out(struct timer *timer)
{
    ask(container_of(timer, struct pending, timer));
}

static void forward(struct resolver *resolver, const unsigned char *query, size_t size, const struct sockaddr_in *client)
{
    struct pending *pending = resolver->pending_count < RESOLVER_MAX_PENDING ? calloc(1, sizeof *pending + size) : NULL;
    if (!pending)
        return; /* the client asks again */
    *pending = (struct pending){ .resolver = resolver,
                                 .next = resolver->pending,
                                 .self = &resolver->pending,
                                 .server = { .fd = -1 },
                                 .timer = { .fire = timed_out },
                                 .client = *client,
                                 .size = size };
    memcpy(pending->query, query, size);
    if (resolver->pending)
        resolver->pending->self = &pending->next;
    resolver->pending = pending;
    resolver->pending_count++;
    ask(pending);
}

void resolver_udp_ready(struct watch *watch, uint32_t events)
{
    struct resolver *resolver = container_of(watch, struct resolver, udp);
    (void)events;
    for (int i = 0; i < 64; i++) {
        unsigned char query[MAX_UDP], answer[DNS_MAX_MESSAGE];
        struct sockaddr_in client;
        socklen_t client_size = sizeof client;
        ssize_t n = recvfrom(watch->fd, query, sizeof query, MSG_DONTWAIT, (struct sockaddr *)&client, &client_size);
        if (n < 0)
            return;
        size_t size = 0;
        switch (resolver_consider(resolver, query, (size_t)n, 0, answer, &size)) {
        case RESOLVER_ANSWERED:
            reply(resolver, &client, answer, size);
            break;
        case RESOLVER_FORWARD:
            forward(resolver, query, (size_t)n, &client);
            break;
        case RESOLVER_IGNORE:
            break;
        }
    }
}
