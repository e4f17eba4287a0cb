#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "network/relay_internal.h"

/* As conntrack keeps an answered UDP flow. */
#define IDLE_MS 120000
#define MAX_FLOWS 1024
#define MAX_DATAGRAM 65536

/* One client of the port: a socket of its own towards the container, so that answers are told apart. */
struct flow {
    struct relay *relay;
    struct flow *next, **self;
    struct watch watch;
    struct timer idle;
    struct sockaddr_storage client;
    socklen_t client_size;
    struct address asked; /* the host's address that the client wrote to */
};

void relay_flow_close(struct flow *flow)
{
    loop_cancel(flow->relay->loop, &flow->idle);
    loop_unwatch(flow->relay->loop, &flow->watch);
    util_close(&flow->watch.fd);
    *flow->self = flow->next;
    if (flow->next)
        flow->next->self = flow->self;
    flow->relay->flow_count--;
    free(flow);
}

static void flow_idle(struct timer *timer)
{
    relay_flow_close(container_of(timer, struct flow, idle));
}

/* The ancillary data that names the local address of a datagram, received or to be sent. */
union pktinfo {
    struct cmsghdr align;
    char space[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

static void put_source(struct msghdr *message, union pktinfo *control, const struct address *source)
{
    bool v4 = source->family == AF_INET;
    size_t size = v4 ? sizeof(struct in_pktinfo) : sizeof(struct in6_pktinfo);
    memset(control, 0, sizeof *control);
    message->msg_control = control->space;
    message->msg_controllen = CMSG_SPACE(size);
    struct cmsghdr *c = CMSG_FIRSTHDR(message);
    c->cmsg_len = CMSG_LEN(size);
    c->cmsg_level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
    c->cmsg_type = v4 ? IP_PKTINFO : IPV6_PKTINFO;
    if (v4)
        memcpy(&((struct in_pktinfo *)(void *)CMSG_DATA(c))->ipi_spec_dst, source->bytes, 4);
    else
        memcpy(&((struct in6_pktinfo *)(void *)CMSG_DATA(c))->ipi6_addr, source->bytes, 16);
}

static struct address asked_address(struct msghdr *message)
{
    struct address a = { 0 };
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            a = (struct address){ .family = AF_INET, .prefix = 32 };
            memcpy(a.bytes, &((struct in_pktinfo *)(void *)CMSG_DATA(c))->ipi_addr, 4);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            a = (struct address){ .family = AF_INET6, .prefix = 128 };
            memcpy(a.bytes, &((struct in6_pktinfo *)(void *)CMSG_DATA(c))->ipi6_addr, 16);
        }
    }
    return a;
}

static void container_answers(struct watch *watch, uint32_t events)
{
    struct flow *flow = container_of(watch, struct flow, watch);
    char data[MAX_DATAGRAM];
    (void)events;
    for (int i = 0; i < 64; i++) {
        ssize_t n = recv(watch->fd, data, sizeof data, MSG_DONTWAIT);
        if (n < 0)
            return; /* ECONNREFUSED: the container has no such port; the client learns it by silence, as UDP has it */
        struct iovec part = { .iov_base = data, .iov_len = (size_t)n };
        struct msghdr message = { .msg_name = &flow->client, .msg_namelen = flow->client_size, .msg_iov = &part, .msg_iovlen = 1 };
        union pktinfo control;
        if (flow->asked.family)
            put_source(&message, &control, &flow->asked);
        sendmsg(flow->relay->watch.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL); /* a full queue drops, as UDP does */
        loop_timer(flow->relay->loop, &flow->idle, IDLE_MS);
    }
}

static void flow_to_front(struct flow *flow)
{
    struct relay *relay = flow->relay;
    if (relay->flows == flow)
        return;
    if (flow->self) {
        *flow->self = flow->next;
        if (flow->next)
            flow->next->self = flow->self;
    }
    flow->next = relay->flows;
    flow->self = &relay->flows;
    if (relay->flows)
        relay->flows->self = &flow->next;
    relay->flows = flow;
}

static struct flow *flow_open(struct relay *relay, const struct sockaddr_storage *client, socklen_t client_size, const struct address *asked)
{
    if (relay->flow_count >= MAX_FLOWS) {
        struct flow *oldest = relay->flows;
        while (oldest->next)
            oldest = oldest->next;
        relay_flow_close(oldest);
    }
    struct flow *flow = calloc(1, sizeof *flow);
    if (!flow)
        return NULL;
    *flow = (struct flow){ .relay = relay, .idle.fire = flow_idle, .watch.ready = container_answers, .client = *client, .client_size = client_size, .asked = *asked };
    flow->watch.fd = socket(relay->target.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    flow_to_front(flow);
    relay->flow_count++;
    struct rt_error ignored;
    if (flow->watch.fd < 0 || connect(flow->watch.fd, (struct sockaddr *)&relay->target, relay->target_size) < 0 ||
        loop_watch(relay->loop, &flow->watch, EPOLLIN, &ignored) < 0) {
        relay_flow_close(flow);
        return NULL;
    }
    return flow;
}

static struct flow *flow_find(struct relay *relay, const struct sockaddr_storage *client, socklen_t client_size, const struct address *asked)
{
    for (struct flow *flow = relay->flows; flow; flow = flow->next)
        if (flow->client_size == client_size && memcmp(&flow->client, client, client_size) == 0 && address_equal(&flow->asked, asked))
            return flow;
    return flow_open(relay, client, client_size, asked);
}

void relay_udp_ready(struct watch *watch, uint32_t events)
{
    struct relay *relay = container_of(watch, struct relay, watch);
    char data[MAX_DATAGRAM];
    (void)events;
    for (int i = 0; i < 64; i++) {
        struct sockaddr_storage client = { 0 };
        union pktinfo control;
        struct iovec part = { .iov_base = data, .iov_len = sizeof data };
        struct msghdr message = { .msg_name = &client,
                                  .msg_namelen = sizeof client,
                                  .msg_iov = &part,
                                  .msg_iovlen = 1,
                                  .msg_control = control.space,
                                  .msg_controllen = sizeof control.space };
        ssize_t n = recvmsg(watch->fd, &message, MSG_DONTWAIT);
        if (n < 0)
            return;
        struct address asked = asked_address(&message);
        struct flow *flow = flow_find(relay, &client, message.msg_namelen, &asked);
        if (!flow) {
            relay_pause(relay);
            return;
        }
        send(flow->watch.fd, data, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
        flow_to_front(flow);
        loop_timer(relay->loop, &flow->idle, IDLE_MS);
    }
}
