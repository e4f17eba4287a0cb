#pragma once
#include "network/rules.h"

/*
 * The rules of rules.h by the programs iptables and ip6tables, for a kernel that has no nftables. The same comments mark their owners. What they decide stands in
 * chains of our own, `TSBUILD` of the table nat and `TSBUILD-FORWARD` of the table filter, which let pass by RETURN: other rules keep their say.
 * Errors are NETWORK_FAILED, FEATURE_MISSING where the programs or the kernel's part of them are missing.
 */
int iptables_bridge(const struct bridge *bridge, struct rt_error *err);
bool iptables_bridge_present(const struct bridge *bridge);
int iptables_bridge_remove(const char *name, struct rt_error *err);
int iptables_publish(const char *run_dir, const struct port *ports, size_t count, struct rt_error *err);
int iptables_sweep(rules_dead *dead, void *context, struct rt_error *err);
