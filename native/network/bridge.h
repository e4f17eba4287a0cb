#pragma once
#include "network/nft.h"
#include "network/types.h"

/*
 * The bridge of a network: made with its addresses and rules when its first container comes, gone with its last.
 *
 * Processes that start and end containers at the same moment agree by a lock on the network namespace itself (flock on /proc/self/ns/net): shared
 * while a container is attached to a bridge that stands, exclusive while one is made or removed. The kernel drops it with its holder.
 */
struct bridge_hold {
    int lock;  /* keeps the bridge from being removed until bridge_let_go */
    int index; /* of the interface */
    bool forwarding_switched;
};

/* Errors: NETWORK_FAILED, SUBNET_TAKEN when another interface of the host has an address in the range. */
int bridge_hold(struct nl *nl, struct nft *nft, const struct bridge *bridge, struct bridge_hold *out, struct rt_error *err);
/* As bridge_hold, and writes addresses, settings and rules again, whatever is there. */
int bridge_restore(struct nl *nl, struct nft *nft, const struct bridge *bridge, struct bridge_hold *out, struct rt_error *err);
void bridge_let_go(struct bridge_hold *hold);

/* Removes the bridge with its rules, if it is there and has no port. Returns 1 when it did, 0 when it is absent or in use. */
int bridge_remove_unused(struct nl *nl, struct nft *nft, const char *name, struct rt_error *err);
/* Removes every unused bridge of tsbuild; the number of them. */
int bridge_sweep(struct nl *nl, struct nft *nft, struct rt_error *err);
