#pragma once
#include "base/loop.h"
#include "network/shared.h"
#include "network/types.h"

/*
 * The name service of one container: it listens in the container's network namespace on 127.0.0.11, UDP and TCP, and answers from the names of the
 * container's networks (names.h); other questions go to the servers of the host, asked from the host's namespace, so that even a server on the host's
 * 127.0.0.53 can be used. A name server of the container's own can still bind 0.0.0.0:53: the sockets have other ports, and a translation inside the
 * namespace leads port 53 of that one address to them.
 */
struct resolver;

int resolver_open(const struct network *network, int netns, struct shared_network *shared, struct loop *loop, struct resolver **out, struct rt_error *err);
/* Other networks or servers from now on. Like open, it keeps `network` alive. */
void resolver_update(struct resolver *resolver, const struct network *network);
void resolver_close(struct resolver **resolver);
