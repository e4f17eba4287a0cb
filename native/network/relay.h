#pragma once
#include "base/loop.h"
#include "network/shared.h"
#include "network/types.h"

/*
 * A published port's socket. It holds the port on the host, and it serves the connections that no rule translated on the way: from ::1, from IPv6
 * clients of an IPv4 container. Those reach the container from the bridge's own address. SCTP is not relayed.
 */
struct relay;

/* Binds (TCP: listens) and serves on the loop. The port is the host's, which we may have left (shared.h). Errors: PORT_TAKEN with its holder, NETWORK_FAILED. */
int relay_open(const struct port *port, struct shared_network *shared, struct loop *loop, struct relay **out, struct rt_error *err);
/* The bound (TCP: listening) socket alone; RELAY_NOBODY for SCTP on a kernel that has no sockets for it and passes its packets all the same. */
#define RELAY_NOBODY (-2)
int relay_bind(const struct port *port, struct shared_network *shared, struct rt_error *err);
void relay_close(struct relay **relay);
