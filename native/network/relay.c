#include "network/relay.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"
#include "network/holder.h"
#include "network/relay_internal.h"

/* How long to leave new connections alone when descriptors or memory ran out. */
#define PAUSE_MS 200

int relay_bind(const struct port *port, struct shared_network *shared, struct rt_error *err)
{
    bool tcp = port->protocol == IPPROTO_TCP;
    bool sctp = port->protocol == IPPROTO_SCTP;
    auto_close int fd = shared_socket(shared, port->host_address.family, (tcp || sctp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, sctp ? IPPROTO_SCTP : 0);
    if (fd < 0 && sctp && (errno == EPROTONOSUPPORT || errno == ESOCKTNOSUPPORT))
        return RELAY_NOBODY; /* nobody else on this machine can have it */
    if (fd < 0)
        return rt_fail(err, "NETWORK_FAILED", errno, "socket", "cannot publish a port");
    int on = 1;
    if (tcp) /* connections of an earlier holder may still linger; for UDP the option would let others in */
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (port->host_address.family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (!tcp && !sctp) /* answers must leave from the address that was asked */
        setsockopt(fd, port->host_address.family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
                   port->host_address.family == AF_INET ? IP_PKTINFO : IPV6_RECVPKTINFO, &on, sizeof on);
    struct sockaddr_storage address;
    socklen_t size = address_sockaddr(&port->host_address, port->host_port, &address);
    if (bind(fd, (struct sockaddr *)&address, size) == 0 && (!tcp || listen(fd, SOMAXCONN) == 0))
        return take_fd(&fd);
    int failed = errno;
    char text[INET6_ADDRSTRLEN], holder[320] = "";
    address_text(&port->host_address, text);
    const char *form = port->host_address.family == AF_INET ? "%s:%u/%s" : "[%s]:%u/%s";
    auto_free char *place = rt_printf(err, form, text, port->host_port, protocol_name(port->protocol));
    if (!place)
        return -1;
    if (failed != EADDRINUSE)
        return rt_fail(err, "NETWORK_FAILED", failed, "bind", "cannot publish %s", place);
    port_holder(port, shared_witness(shared), holder, sizeof holder);
    return rt_fail(err, "PORT_TAKEN", holder[0] ? 0 : failed, "bind", "cannot publish %s%s%s", place, holder[0] ? ": held by " : "", holder);
}

static void resume(struct timer *timer)
{
    struct relay *relay = container_of(timer, struct relay, pause);
    struct rt_error ignored; /* the watch exists already: changing it needs no memory */
    loop_watch(relay->loop, &relay->watch, EPOLLIN, &ignored);
}

void relay_pause(struct relay *relay)
{
    struct rt_error ignored;
    loop_watch(relay->loop, &relay->watch, 0, &ignored);
    loop_timer(relay->loop, &relay->pause, PAUSE_MS);
}

int relay_open(const struct port *port, struct shared_network *shared, struct loop *loop, struct relay **out, struct rt_error *err)
{
    if (shared && port->protocol == IPPROTO_SCTP)
        return rt_fail(err, "FEATURE_MISSING", 0, "", "cannot publish %u/sctp without root", port->host_port);
    int fd = relay_bind(port, shared, err);
    if (fd == -1)
        return -1;
    struct relay *relay = calloc(1, sizeof *relay);
    if (!relay) {
        util_close(&fd);
        return rt_nomem(err);
    }
    *relay = (struct relay){ .loop = loop,
                             .watch = { .fd = fd, .ready = port->protocol == IPPROTO_TCP ? relay_tcp_ready : relay_udp_ready },
                             .pause = { .fire = resume },
                             .host_family = port->host_address.family };
    relay->target_size = address_sockaddr(&port->address, port->port, &relay->target);
    /* A bound socket keeps the port from others; what comes is the kernel's to translate. */
    if (port->protocol != IPPROTO_SCTP && loop_watch(loop, &relay->watch, EPOLLIN, err) < 0) {
        relay_close(&relay);
        return -1;
    }
    *out = relay;
    return 0;
}

void relay_close(struct relay **relay)
{
    struct relay *r = *relay;
    if (!r)
        return;
    while (r->streams)
        relay_stream_close(r->streams);
    while (r->flows)
        relay_flow_close(r->flows);
    loop_cancel(r->loop, &r->pause);
    loop_unwatch(r->loop, &r->watch);
    util_close(&r->watch.fd);
    free(r);
    *relay = NULL;
}
