#pragma once
#include <sys/socket.h>

#include "network/relay.h"

struct stream;
struct flow;

struct relay {
    struct loop *loop;
    struct watch watch; /* the socket that holds the port */
    struct timer pause;
    int host_family;
    struct sockaddr_storage target; /* the container */
    socklen_t target_size;
    struct stream *streams; /* TCP */
    struct flow *flows;     /* UDP, the one last used first */
    size_t flow_count;
};

/* Leaves the socket alone for a moment: descriptors or memory ran out. */
void relay_pause(struct relay *relay);

void relay_tcp_ready(struct watch *watch, uint32_t events);
void relay_stream_close(struct stream *stream);
void relay_udp_ready(struct watch *watch, uint32_t events);
void relay_flow_close(struct flow *flow);
