#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/util.h"
#include "network/attach.h"
#include "network/bridge.h"
#include "network/conntrack.h"
#include "network/link.h"
#include "network/names.h"
#include "network/netns.h"
#include "network/relay.h"
#include "network/resolver.h"
#include "network/rules.h"
#include "network/user_network.h"

struct network_lease {
    struct network *network;    /* what is attached */
    struct attached *attached;  /* one for each interface of `network`, same order */
    struct owner owner;
    char *id, *run_dir;
    int netns;
    struct shared_network *shared;
    struct nl nl;
    struct nft nft;
    struct loop loop;
    struct relay **relays; /* one for each port of `network`, same order */
    struct resolver *resolver;
    struct user_network *user;
    bool forwarding_switched;
};

static struct network *make_empty(enum network_mode mode)
{
    struct network *network = calloc(1, sizeof *network);
    if (network)
        *network = (struct network){ .references = 1, .mode = mode };
    return network;
}

/* The place in `have` of what is the same as `wanted`, or -1. */
static ssize_t find_interface(const struct network *have, const struct interface *wanted)
{
    for (size_t i = 0; i < have->interface_count; i++)
        if (interface_equal(&have->interfaces[i], wanted))
            return (ssize_t)i;
    return -1;
}

static ssize_t find_port(const struct network *have, const struct port *wanted)
{
    for (size_t i = 0; i < have->port_count; i++)
        if (port_equal(&have->ports[i], wanted))
            return (ssize_t)i;
    return -1;
}

/* Opens the sockets of ports that are new; `relays` gets those of all ports of `to`, borrowed ones included. On failure the new ones are closed. */
static int open_ports(struct network_lease *lease, const struct network *to, struct relay **relays, struct rt_error *err)
{
    for (size_t i = 0; i < to->port_count; i++) {
        ssize_t held = find_port(lease->network, &to->ports[i]);
        if (held >= 0) {
            relays[i] = lease->relays[held];
        } else if (relay_open(&to->ports[i], lease->shared, &lease->loop, &relays[i], err) < 0) {
            while (i-- > 0)
                if (find_port(lease->network, &to->ports[i]) < 0)
                    relay_close(&relays[i]);
            return -1;
        }
    }
    return 0;
}

static void close_ports(struct relay **relays, const struct network *of, const struct network *but)
{
    for (size_t i = 0; i < of->port_count; i++)
        if (find_port(but, &of->ports[i]) < 0)
            relay_close(&relays[i]);
}

/* Takes away the interfaces of `of` that `but` has not, and the bridges that this leaves empty. */
static void detach_interfaces(struct network_lease *lease, const struct network *of, const struct attached *attached, const struct network *but)
{
    struct rt_error ignored; /* a sweep removes what stays */
    for (size_t i = 0; i < of->interface_count; i++) {
        if (attached[i].index == 0 || find_interface(but, &of->interfaces[i]) >= 0)
            continue;
        names_withdraw(&of->interfaces[i], lease->id);
        link_delete_index(&lease->nl, attached[i].index, &ignored);
        bridge_remove_unused(&lease->nl, &lease->nft, of->interfaces[i].bridge.name, &ignored);
    }
}

static int attach_interfaces(struct network_lease *lease, const struct network *to, struct attached *attached, struct rt_error *err)
{
    for (size_t i = 0; i < to->interface_count; i++) {
        const struct interface *interface = &to->interfaces[i];
        ssize_t have = find_interface(lease->network, interface);
        int result;
        if (have >= 0) {
            attached[i] = lease->attached[have];
            result = attach_routes(&lease->network->interfaces[have], interface, lease->netns, err);
        } else {
            result = attach_interface(&lease->nl, &lease->nft, &lease->owner, interface, lease->netns, &attached[i], err);
            lease->forwarding_switched |= attached[i].forwarding_switched;
        }
        if (result < 0 || names_publish(interface, lease->id, lease->run_dir, err) < 0)
            return -1;
    }
    return 0;
}

static int publish(struct network_lease *lease, const struct network *network, struct rt_error *err)
{
    if (!lease->run_dir)
        return 0;
    if (rules_publish(&lease->nft, lease->run_dir, network->ports, network->port_count, err) < 0)
        return -1;
    conntrack_forget(network->ports, network->port_count);
    return 0;
}

static int change_resolver(struct network_lease *lease, struct network *to, struct rt_error *err)
{
    if (lease->resolver && to->has_name_service)
        resolver_update(lease->resolver, to);
    else if (to->has_name_service)
        return resolver_open(to, lease->netns, lease->shared, &lease->loop, &lease->resolver, err);
    else
        resolver_close(&lease->resolver);
    return 0;
}

/* From lease->network to `to`, which the lease owns from then on when it succeeds. */
static int change(struct network_lease *lease, struct network *to, struct rt_error *err)
{
    auto_free struct relay **relays = calloc(to->port_count + 1, sizeof(struct relay *));
    auto_free struct attached *attached = calloc(to->interface_count + 1, sizeof *attached);
    if (!relays || !attached)
        return rt_nomem(err);
    if (open_ports(lease, to, relays, err) < 0)
        return -1;
    bool had_ports = lease->network->port_count > 0;
    if (attach_interfaces(lease, to, attached, err) < 0 || ((had_ports || to->port_count > 0) && publish(lease, to, err) < 0) || change_resolver(lease, to, err) < 0) {
        struct rt_error ignored;
        detach_interfaces(lease, to, attached, lease->network);
        if (had_ports || to->port_count > 0)
            publish(lease, lease->network, &ignored);
        close_ports(relays, to, lease->network);
        return -1;
    }
    detach_interfaces(lease, lease->network, lease->attached, to);
    if (lease->relays)
        close_ports(lease->relays, lease->network, to);
    free(lease->relays);
    free(lease->attached);
    lease->relays = take_ptr(&relays);
    lease->attached = take_ptr(&attached);
    network_free(&lease->network);
    lease->network = to;
    return 0;
}

static int attach_bridge(struct network_lease *lease, const struct network *network, struct rt_error *err)
{
    struct network *to = network_keep(network);
    if (nl_open(&lease->nl, NETLINK_ROUTE, err) == 0 && nft_open(&lease->nft, err) == 0 && loop_open(&lease->loop, err) == 0 &&
        (to->interface_count > 0 || attach_loopback(lease->netns, err) == 0) && change(lease, to, err) == 0)
        return 0;
    network_free(&to);
    return -1;
}

static int attach_user(struct network_lease *lease, const struct network *network, struct rt_error *err)
{
    if (user_network_open(network, lease->netns, lease->run_dir, &lease->user, err) < 0)
        return -1;
    if (!network->has_name_service)
        return 0;
    return loop_open(&lease->loop, err) < 0 ? -1 : resolver_open(network, lease->netns, lease->shared, &lease->loop, &lease->resolver, err);
}

int network_attach(const struct network *network, const char *id, const char *run_dir, struct shared_network *shared, pid_t pid, struct network_lease **out, struct rt_error *err)
{
    struct network_lease *lease = calloc(1, sizeof *lease);
    if (!lease)
        return rt_nomem(err);
    *lease = (struct network_lease){ .netns = -1, .shared = shared, .nl.fd = -1, .nft.nl.fd = -1, .loop = { .fd = -1, .clock = -1 } };
    int result = -1;
    if (!(lease->network = make_empty(network->mode)) || !(lease->id = rt_strdup(id, err)) || (run_dir && !(lease->run_dir = rt_strdup(run_dir, err))))
        rt_nomem(err);
    else if (network->port_count > 0 && !run_dir && network->mode == NETWORK_BRIDGE)
        rt_fail(err, "PLAN_INVALID", 0, "", "a sandbox cannot publish ports");
    else
        result = 0;
    lease->owner = (struct owner){ .id = lease->id, .run_dir = lease->run_dir };
    if (result == 0 && network->mode != NETWORK_HOST && network->mode != NETWORK_PATH)
        result = lease->netns = netns_open(pid, err);
    if (result >= 0)
        switch (network->mode) {
        case NETWORK_NONE:
            result = attach_loopback(lease->netns, err);
            break;
        case NETWORK_BRIDGE:
            result = attach_bridge(lease, network, err);
            break;
        case NETWORK_USER:
            result = attach_user(lease, network, err);
            break;
        case NETWORK_HOST:
        case NETWORK_PATH:
            break;
        }
    if (result < 0) {
        network_detach(&lease);
        return -1;
    }
    *out = lease;
    return 0;
}

int network_update(struct network_lease *lease, const struct network *network, struct rt_error *err)
{
    if (lease->network->mode != NETWORK_BRIDGE || network->mode != NETWORK_BRIDGE)
        return rt_fail(err, "PLAN_INVALID", 0, "", "the network of this container cannot be changed while it runs");
    struct network *to = network_keep(network);
    if (change(lease, to, err) == 0)
        return 0;
    network_free(&to);
    return -1;
}

int network_reload(struct network_lease *lease, struct rt_error *err)
{
    for (size_t i = 0; i < lease->network->interface_count; i++) {
        const struct interface *interface = &lease->network->interfaces[i];
        if (attach_restore(&lease->nl, &lease->nft, &lease->owner, interface, lease->netns, &lease->attached[i], err) < 0 ||
            names_publish(interface, lease->id, lease->run_dir, err) < 0)
            return -1;
    }
    return lease->network->port_count > 0 ? publish(lease, lease->network, err) : 0;
}

bool network_forwarding_switched(const struct network_lease *lease)
{
    return lease->forwarding_switched;
}

int network_fd(const struct network_lease *lease)
{
    return lease->loop.fd;
}

void network_serve(struct network_lease *lease)
{
    struct rt_error ignored; /* epoll_wait on a descriptor that is known to be ready does not fail */
    if (lease->loop.fd >= 0)
        loop_step(&lease->loop, 0, &ignored);
}

void network_withdraw(struct network_lease *l)
{
    struct rt_error ignored; /* a sweep removes what stays */
    static const struct network nothing;
    resolver_close(&l->resolver);
    user_network_close(&l->user);
    if (!l->network || !l->relays)
        return;
    for (size_t i = 0; i < l->network->interface_count; i++)
        names_withdraw(&l->network->interfaces[i], l->id);
    if (l->run_dir && l->network->port_count > 0) {
        rules_publish(&l->nft, l->run_dir, NULL, 0, &ignored);
        conntrack_forget(l->network->ports, l->network->port_count);
    }
    close_ports(l->relays, l->network, &nothing);
    free(l->relays);
    l->relays = NULL;
}

/* All but the network, the interfaces and the sockets to manage them. */
static void release(struct network_lease *l)
{
    network_withdraw(l);
    loop_close(&l->loop);
    util_close(&l->netns);
}

static void forget(struct network_lease **lease)
{
    struct network_lease *l = *lease;
    nl_close(&l->nl);
    nft_close(&l->nft);
    network_free(&l->network);
    free(l->attached);
    free(l->id);
    free(l->run_dir);
    free(l);
    *lease = NULL;
}

void network_detach(struct network_lease **lease)
{
    if (!*lease)
        return;
    release(*lease);
    forget(lease);
}

/* The kernel takes namespaces apart in batches, which is cheaper than removing each pair; one that others keep alive is not waited for. */
static void await_links(struct network_lease *l)
{
    struct rt_error ignored;
    char name[IFNAMSIZ];
    for (size_t i = 0; i < l->network->interface_count; i++) {
        for (int tries = 0; tries < 50 && if_indextoname((unsigned)l->attached[i].index, name); tries++)
            usleep(10000);
        link_delete_index(&l->nl, l->attached[i].index, &ignored);
    }
}

void network_detach_clean(struct network_lease **lease)
{
    struct network_lease *l = *lease;
    struct rt_error ignored;
    if (!l)
        return;
    release(l);
    if (l->attached) {
        await_links(l);
        for (size_t i = 0; i < l->network->interface_count; i++)
            bridge_remove_unused(&l->nl, &l->nft, l->network->interfaces[i].bridge.name, &ignored);
    }
    forget(lease);
}
