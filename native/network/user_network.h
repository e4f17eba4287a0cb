#pragma once
#include "network/types.h"

/*
 * The network of a container without privileges: a program of the host, pasta (passt.top) or slirp4netns, carries the host's network into the container's namespace.
 * It holds the published ports; the host's loopback is not reachable from inside. It ends with the namespace or by user_network_close.
 */
struct user_network;

/*
 * Returns when addresses, routes and ports are there. The plan's program, else the first that works. `run_dir` NULL: no ports.
 * Errors: FEATURE_MISSING (no such program, no /dev/net/tun), PORT_TAKEN, NETWORK_FAILED with the program's own words.
 */
int user_network_open(const struct network *network, int netns, const char *run_dir, struct user_network **out, struct rt_error *err);
/* Readable when the program has ended. */
int user_network_fd(const struct user_network *network);
void user_network_close(struct user_network **network);
