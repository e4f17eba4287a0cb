#pragma once
#include "network/types.h"

/*
 * The network of a container without privileges: pasta (passt.top) carries the host's addresses and sockets into the container's namespace. Ports are its
 * own sockets; the host's loopback is not reachable from inside. It ends with the namespace or by pasta_close.
 */
struct pasta;

/* Returns when addresses, routes and ports are there. Errors: FEATURE_MISSING (no such program), PORT_TAKEN, NETWORK_FAILED with pasta's own words. */
int pasta_open(const struct network *network, int netns, struct pasta **out, struct rt_error *err);
void pasta_close(struct pasta **pasta);
