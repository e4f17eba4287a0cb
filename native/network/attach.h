#pragma once
#include "network/nft.h"
#include "network/types.h"

/* One interface of a container: the steps of network_attach and network_update. */

/* Marks interfaces of the container; see mark.h. */
struct owner {
    const char *id;
    const char *run_dir; /* NULL: a sandbox */
};

/* The host's end of an interface, derived from the container and the interface's name: a restart finds and removes what is left of it. */
void attach_host_name(const struct owner *owner, const char *interface, char out[IFNAMSIZ]);

/* Bridge, pair, addresses and routes. On failure the pair is removed. 1 when forwarding was switched on for it, else 0. */
int attach_interface(struct nl *nl, struct nft *nft, const struct owner *owner, const struct interface *interface, int netns, struct rt_error *err);
void detach_interface(struct nl *nl, const struct owner *owner, const struct interface *interface);

/* Default routes and others of an interface that stays, from one plan to the next. */
int attach_routes(const struct interface *from, const struct interface *to, int netns, struct rt_error *err);

/* `lo` of the namespace. */
int attach_loopback(int netns, struct rt_error *err);
