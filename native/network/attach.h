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

struct attached {
    int index; /* of the host's end; never used again by the kernel, unlike its name */
    bool forwarding_switched;
};

/* Bridge, pair, addresses and routes. On failure nothing is left. */
int attach_interface(struct nl *nl, struct nft *nft, const struct owner *owner, const struct interface *interface, int netns, struct attached *out,
                     struct rt_error *err);

/* Puts right what others changed: bridge and rules are written again, and the pair is made again where it is gone. */
int attach_restore(struct nl *nl, struct nft *nft, const struct owner *owner, const struct interface *interface, int netns, struct attached *attached,
                   struct rt_error *err);

/* Default routes and others of an interface that stays, from one plan to the next. */
int attach_routes(const struct interface *from, const struct interface *to, int netns, struct rt_error *err);

/* `lo` of the namespace. */
int attach_loopback(int netns, struct rt_error *err);
