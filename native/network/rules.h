#pragma once
#include "network/nft.h"
#include "network/types.h"

/*
 * What tsbuild has in nftables: one table, `inet tsbuild`. Every rule carries its owner as a comment and goes with it:
 *
 *   tsbuild                    the frame: local destinations pass through `publish`
 *   tsbuild bridge NAME        isolation, masquerading and loopback of a bridge
 *   tsbuild container RUNDIR   the published ports of a container
 *
 * Beside a dockerd an accept for each bridge stands in the chain that it leaves to others (foreign.h). An accept in one table cannot overrule a drop in
 * another, so a firewall of the host keeps its say, but for a bridge that is `open`.
 * Errors are NETWORK_FAILED, FEATURE_MISSING where the kernel lacks an expression.
 */

/* Writes the rules of a bridge, replacing earlier ones. */
int rules_bridge(struct nft *nft, const struct bridge *bridge, struct rt_error *err);
/* True when the rules of that bridge are all there: those of the table, and the accepts in the chains of others. */
bool rules_bridge_present(struct nft *nft, const struct bridge *bridge);
/* Removes them, and the table when it was the last bridge's. */
int rules_bridge_remove(struct nft *nft, const char *name, struct rt_error *err);

/* The ports of the container with that run directory, all of them: replaces earlier ones; none removes. */
int rules_publish(struct nft *nft, const char *run_dir, const struct port *ports, size_t count, struct rt_error *err);

/* Removes the ports of every container for which `dead` says so; returns how many rules went, or -1. */
typedef bool rules_dead(const char *run_dir, void *context);
int rules_sweep(struct nft *nft, rules_dead *dead, void *context, struct rt_error *err);
