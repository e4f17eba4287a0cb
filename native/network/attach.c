#include "network/attach.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "network/bridge.h"
#include "network/link.h"
#include "network/mark.h"
#include "network/netns.h"
#include "network/sysctl.h"

void attach_host_name(const struct owner *owner, const char *interface, char out[IFNAMSIZ])
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    const char *const parts[] = { owner->run_dir ? owner->run_dir : "", "\n", owner->id, "\n", interface };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        for (const char *p = parts[i]; *p; p++)
            hash = (hash ^ (unsigned char)*p) * 1099511628211u;
    snprintf(out, IFNAMSIZ, "tsv%012llx", (unsigned long long)(hash >> 16));
}

int network_loopback_up(struct rt_error *err)
{
    auto_nl struct nl nl = { .fd = -1 };
    auto_nl_buf struct nl_buf buf = { 0 };
    if (nl_open(&nl, NETLINK_ROUTE, err) < 0)
        return -1;
    link_put_up(&nl, &buf, 1); /* the first interface of every namespace */
    return nl_send(&nl, &buf, NULL, NULL, err, "NETWORK_FAILED", "bring up the loopback interface");
}

int attach_loopback(int netns, struct rt_error *err)
{
    auto_visit struct netns_visit visit = { .home = -1 };
    return netns_enter(netns, &visit, err) < 0 ? -1 : network_loopback_up(err);
}

static bool has_family(const struct interface *interface, int family)
{
    for (size_t i = 0; i < interface->address_count; i++)
        if (interface->addresses[i].family == family)
            return true;
    return false;
}

static void put_routes(struct nl *nl, struct nl_buf *buf, int index, const struct interface *interface)
{
    for (size_t i = 0; i < interface->route_count; i++) {
        const struct route *route = &interface->routes[i];
        link_put_route(nl, buf, index, &route->destination, route->gateway.family ? &route->gateway : NULL);
    }
    for (size_t i = 0; i < interface->gateway_count; i++)
        link_put_route(nl, buf, index, NULL, &interface->gateways[i]);
}

/* The container's end, seen from inside. */
static int set_up_inside(const struct interface *interface, int netns, struct rt_error *err)
{
    auto_visit struct netns_visit visit = { .home = -1 };
    auto_nl struct nl nl = { .fd = -1 };
    auto_nl_buf struct nl_buf buf = { 0 };
    if (netns_enter(netns, &visit, err) < 0 || nl_open(&nl, NETLINK_ROUTE, err) < 0)
        return -1;
    /* Before it is up: no link-local address, no neighbour discovery where the network has no IPv6. */
    char name[64];
    struct rt_error no_ipv6;
    snprintf(name, sizeof name, "ipv6/conf/%s/disable_ipv6", interface->name);
    sysctl_set(name, has_family(interface, AF_INET6) ? 0 : 1, &no_ipv6);
    int index = (int)if_nametoindex(interface->name);
    link_put_up(&nl, &buf, 1);
    for (size_t i = 0; i < interface->address_count; i++)
        link_put_address(&nl, &buf, index, &interface->addresses[i]);
    link_put_up(&nl, &buf, index);
    put_routes(&nl, &buf, index, interface);
    if (nl_send(&nl, &buf, NULL, NULL, err, "NETWORK_FAILED", "configure the interface") == 0)
        return 0;
    return rt_wrap(err, "interface '%s' of the container", interface->name);
}

/* With br_netfilter a packet that a published port leads back to its sender is turned round inside the bridge. */
static bool bridge_translates(void)
{
    long v4 = 0, v6 = 0;
    sysctl_get("bridge/bridge-nf-call-iptables", &v4);
    sysctl_get("bridge/bridge-nf-call-ip6tables", &v6);
    return v4 != 0 || v6 != 0;
}

/* Index of the host's end. */
static int make_pair(struct nl *nl, const struct owner *owner, const struct interface *interface, int bridge, int netns, struct rt_error *err)
{
    char host_name[IFNAMSIZ];
    attach_host_name(owner, interface->name, host_name);
    auto_free char *alias = owner->run_dir ? rt_printf(err, MARK_CONTAINER "%s", owner->run_dir) : rt_strdup(MARK_SANDBOX, err);
    if (!alias)
        return -1;
    struct veth veth = { .name = host_name,
                         .alias = alias,
                         .bridge = bridge,
                         .peer_name = interface->name,
                         .peer_mac = interface->mac,
                         .peer_netns = netns,
                         .mtu = interface->bridge.mtu,
                         .isolated = interface->bridge.isolated,
                         .hairpin = bridge_translates() };
    int result = veth_create(nl, &veth, err);
    /* The namespace of this container's last run is not quite gone: its end of the pair goes with ours. */
    if (result == 1)
        result = link_delete(nl, host_name, err) < 0 ? -1 : veth_create(nl, &veth, err);
    /* A port of a bridge needs no address of its own; it would only announce itself to the containers. */
    char name[64];
    struct rt_error no_ipv6;
    snprintf(name, sizeof name, "ipv6/conf/%s/disable_ipv6", host_name);
    if (result == 0)
        sysctl_set(name, 1, &no_ipv6);
    if (result == 1)
        return rt_fail(err, "NETWORK_FAILED", EEXIST, "netlink", "cannot make the interface '%s' of the container", interface->name);
    return result < 0 ? -1 : (int)if_nametoindex(host_name);
}

int attach_interface(struct nl *nl, struct nft *nft, const struct owner *owner, const struct interface *interface, int netns, struct attached *out,
                     struct rt_error *err)
{
    struct bridge_hold hold;
    if (bridge_hold(nl, nft, &interface->bridge, &hold, err) < 0)
        return -1;
    int index = make_pair(nl, owner, interface, hold.index, netns, err);
    bridge_let_go(&hold);
    *out = (struct attached){ .index = index, .forwarding_switched = hold.forwarding_switched };
    if (index >= 0 && set_up_inside(interface, netns, err) == 0)
        return 0;
    struct rt_error ignored; /* the first error is the one to tell */
    if (index >= 0)
        link_delete_index(nl, index, &ignored);
    bridge_remove_unused(nl, nft, interface->bridge.name, &ignored);
    return -1;
}

int attach_restore(struct nl *nl, struct nft *nft, const struct owner *owner, const struct interface *interface, int netns, struct attached *attached,
                   struct rt_error *err)
{
    struct bridge_hold hold;
    auto_nl_buf struct nl_buf buf = { 0 };
    char name[IFNAMSIZ];
    if (bridge_restore(nl, nft, &interface->bridge, &hold, err) < 0)
        return -1;
    int result = 0;
    bool there = if_indextoname((unsigned)attached->index, name) != NULL;
    if (there) {
        link_put_master(nl, &buf, attached->index, hold.index);
        link_put_up(nl, &buf, attached->index);
        result = nl_send(nl, &buf, NULL, NULL, err, "NETWORK_FAILED", "put the interface back on its bridge");
    }
    bridge_let_go(&hold);
    return there ? result : attach_interface(nl, nft, owner, interface, netns, attached, err);
}

int attach_routes(const struct interface *from, const struct interface *to, int netns, struct rt_error *err)
{
    auto_visit struct netns_visit visit = { .home = -1 };
    auto_nl struct nl nl = { .fd = -1 };
    auto_nl_buf struct nl_buf buf = { 0 };
    if (netns_enter(netns, &visit, err) < 0 || nl_open(&nl, NETLINK_ROUTE, err) < 0)
        return -1;
    int index = (int)if_nametoindex(to->name);
    for (size_t i = 0; i < from->gateway_count; i++)
        link_put_route_delete(&nl, &buf, index, NULL, &from->gateways[i]);
    for (size_t i = 0; i < from->route_count; i++)
        link_put_route_delete(&nl, &buf, index, &from->routes[i].destination, NULL);
    if (buf.size > 0)
        nl_talk(&nl, &buf, NULL, NULL, NULL); /* the container may have removed its routes itself */
    put_routes(&nl, &buf, index, to);
    return buf.size == 0 ? 0 : nl_send(&nl, &buf, NULL, NULL, err, "NETWORK_FAILED", "set the routes of the container");
}
