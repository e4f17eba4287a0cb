#include "network/bridge.h"

#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"
#include "network/link.h"
#include "network/mark.h"
#include "network/rules.h"
#include "network/sysctl.h"

static int lock_namespace(int *fd, int mode, struct rt_error *err)
{
    if (*fd < 0 && (*fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) < 0)
        return rt_fail(err, "NETWORK_FAILED", errno, "open", "cannot open the network namespace");
    while (flock(*fd, mode) != 0)
        if (errno != EINTR)
            return rt_fail(err, "NETWORK_FAILED", errno, "flock", "cannot lock the network namespace");
    return 0;
}

/* The state of a bridge: 1 it stands complete, 0 it is absent or half made, -1 error (the name is somebody else's). */
static int look(struct nl *nl, struct nft *nft, const struct bridge *bridge, struct link *link, struct rt_error *err)
{
    int found = link_find(nl, bridge->name, link, err);
    if (found <= 0)
        return found;
    if (strcmp(link->kind, "bridge") != 0 || strcmp(link->alias, MARK_BRIDGE) != 0)
        return rt_fail(err, "NETWORK_FAILED", 0, "", "the interface '%s' was not made by tsbuild", bridge->name);
    return link->up && rules_bridge_present(nft, bridge) ? 1 : 0;
}

struct overlap {
    const struct bridge *bridge;
    char interface[IFNAMSIZ];
};

/* One that is down has no route: nothing leaves by it, and who chooses subnets by the routes does not see it. */
static bool is_up(const char *name)
{
    auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = { 0 };
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    return fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0 || (request.ifr_flags & IFF_UP) != 0;
}

static int find_overlap(const struct nlmsghdr *m, void *context)
{
    struct overlap *overlap = context;
    struct ifaddrmsg info;
    memcpy(&info, NLMSG_DATA(m), sizeof info);
    struct address found = { .family = info.ifa_family, .prefix = info.ifa_prefixlen };
    if (m->nlmsg_type != RTM_NEWADDR || (found.family != AF_INET && found.family != AF_INET6))
        return 0;
    char name[IFNAMSIZ] = "";
    if_indextoname(info.ifa_index, name);
    for (const struct nlattr *a = nl_first(m, sizeof info); nl_valid(a, nl_end(m)); a = nl_next(a))
        if (nl_type(a) == IFA_ADDRESS && nl_size(a) == address_size(&found))
            memcpy(found.bytes, nl_data(a), nl_size(a));
    for (size_t i = 0; i < overlap->bridge->address_count; i++) {
        const struct address *own = &overlap->bridge->addresses[i];
        if (own->family == found.family && strcmp(name, overlap->bridge->name) != 0 && address_contains(own, &found) && is_up(name))
            memcpy(overlap->interface, name, sizeof name);
    }
    return 0;
}

/* An address of the host in our range: its packets would leave by either interface. That we lie in a larger network of the host is its will: the longer prefix wins. */
static int check_subnet(struct nl *nl, const struct bridge *bridge, struct rt_error *err)
{
    struct overlap overlap = { .bridge = bridge };
    int result = -EINTR;
    for (int tries = 0; result == -EINTR && tries < 100; tries++) {
        auto_nl_buf struct nl_buf buf = { 0 };
        struct ifaddrmsg info = { .ifa_family = AF_UNSPEC };
        nl_begin(nl, &buf, RTM_GETADDR, NLM_F_DUMP, &info, sizeof info);
        result = nl_talk(nl, &buf, find_overlap, &overlap, NULL);
    }
    if (result < 0)
        return rt_fail(err, "NETWORK_FAILED", -result, "netlink", "cannot list the addresses of the host");
    if (overlap.interface[0])
        return rt_fail(err, "SUBNET_TAKEN", 0, "", "cannot make the bridge '%s': the host's interface '%s' has an address in the same range", bridge->name,
                       overlap.interface);
    return 0;
}

static bool has_family(const struct bridge *bridge, int family)
{
    for (size_t i = 0; i < bridge->address_count; i++)
        if (bridge->addresses[i].family == family)
            return true;
    return false;
}

static int set_up(struct nl *nl, const struct bridge *bridge, struct bridge_hold *hold, struct rt_error *err)
{
    char name[64];
    snprintf(name, sizeof name, "ipv4/conf/%s/route_localnet", bridge->name);
    if (sysctl_set(name, 1, err) < 0)
        return -1;
    struct rt_error no_ipv6; /* a kernel without IPv6 has no such files */
    snprintf(name, sizeof name, "ipv6/conf/%s/disable_ipv6", bridge->name);
    sysctl_set(name, has_family(bridge, AF_INET6) ? 0 : 1, &no_ipv6);
    snprintf(name, sizeof name, "ipv6/conf/%s/accept_ra", bridge->name);
    sysctl_set(name, 0, &no_ipv6);
    static const int families[] = { AF_INET, AF_INET6 };
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        int switched = has_family(bridge, families[i]) && !bridge->internal ? sysctl_forward(families[i], err) : 0;
        if (switched < 0)
            return -1;
        hold->forwarding_switched |= switched > 0;
    }
    auto_nl_buf struct nl_buf buf = { 0 };
    for (size_t i = 0; i < bridge->address_count; i++)
        link_put_address(nl, &buf, hold->index, &bridge->addresses[i]);
    return bridge->address_count == 0 ? 0 : nl_send(nl, &buf, NULL, NULL, err, "NETWORK_FAILED", "give the bridge its addresses");
}

/* Nothing is done where it stands complete, unless all of it is wanted `anew`. */
static int make(struct nl *nl, struct nft *nft, const struct bridge *bridge, bool anew, struct bridge_hold *hold, struct rt_error *err)
{
    struct link link;
    int state = look(nl, nft, bridge, &link, err);
    hold->index = link.index;
    if (state < 0 || (state > 0 && !anew))
        return state < 0 ? -1 : 0;
    if (link.index == 0) {
        unsigned char mac[ETH_ALEN] = { 0x02, 0x42 };
        if (getrandom(mac + 2, sizeof mac - 2, 0) < 0)
            return rt_fail(err, "NETWORK_FAILED", errno, "getrandom", "cannot make a MAC address");
        if (check_subnet(nl, bridge, err) < 0 || (hold->index = bridge_create(nl, bridge->name, MARK_BRIDGE, bridge->mtu, mac, err)) < 0)
            return -1;
    }
    return set_up(nl, bridge, hold, err) < 0 ? -1 : rules_bridge(nft, bridge, err);
}

static int take_hold(struct nl *nl, struct nft *nft, const struct bridge *bridge, bool anew, struct bridge_hold *out, struct rt_error *err)
{
    struct link link;
    *out = (struct bridge_hold){ .lock = -1 };
    if (lock_namespace(&out->lock, LOCK_SH, err) < 0)
        return -1;
    int state = look(nl, nft, bridge, &link, err);
    out->index = link.index;
    if ((state == 0 || (state > 0 && anew)) && lock_namespace(&out->lock, LOCK_EX, err) == 0) {
        state = make(nl, nft, bridge, anew, out, err) < 0 ? -1 : 1;
        /* From here on nobody may see it half made; the container's attachment needs only that it stays. */
        if (state == 1 && lock_namespace(&out->lock, LOCK_SH, err) < 0)
            state = -1;
    }
    if (state == 1)
        return 0;
    bridge_let_go(out);
    return -1;
}

int bridge_hold(struct nl *nl, struct nft *nft, const struct bridge *bridge, struct bridge_hold *out, struct rt_error *err)
{
    return take_hold(nl, nft, bridge, false, out, err);
}

int bridge_restore(struct nl *nl, struct nft *nft, const struct bridge *bridge, struct bridge_hold *out, struct rt_error *err)
{
    return take_hold(nl, nft, bridge, true, out, err);
}

void bridge_let_go(struct bridge_hold *hold)
{
    util_close(&hold->lock);
}

struct port_search {
    int bridge;
};

static int is_port(const struct link *link, void *context)
{
    const struct port_search *search = context;
    return link->master == search->bridge ? 1 : 0;
}

int bridge_remove_unused(struct nl *nl, struct nft *nft, const char *name, struct rt_error *err)
{
    auto_close int lock = -1;
    struct link link;
    if (lock_namespace(&lock, LOCK_EX, err) < 0)
        return -1;
    int found = link_find(nl, name, &link, err);
    if (found < 0)
        return -1;
    if (found == 1 && (strcmp(link.kind, "bridge") != 0 || strcmp(link.alias, MARK_BRIDGE) != 0))
        return 0;
    if (found == 1) {
        struct port_search search = { .bridge = link.index };
        int used = link_walk(nl, is_port, &search, err);
        if (used != 0)
            return used < 0 ? -1 : 0;
    }
    if (rules_bridge_remove(nft, name, err) < 0 || link_delete(nl, name, err) < 0)
        return -1;
    return found;
}

struct bridge_list {
    char (*names)[IFNAMSIZ];
    size_t count;
};

static int list_bridge(const struct link *link, void *context)
{
    struct bridge_list *list = context;
    if (strcmp(link->kind, "bridge") != 0 || strcmp(link->alias, MARK_BRIDGE) != 0)
        return 0;
    void *bigger = reallocarray(list->names, list->count + 1, sizeof *list->names);
    if (!bigger)
        return -ENOMEM;
    list->names = bigger;
    memcpy(list->names[list->count++], link->name, IFNAMSIZ);
    return 0;
}

int bridge_sweep(struct nl *nl, struct nft *nft, struct rt_error *err)
{
    struct bridge_list list = { 0 };
    int removed = link_walk(nl, list_bridge, &list, err);
    for (size_t i = 0; i < list.count && removed >= 0; i++) {
        int one = bridge_remove_unused(nl, nft, list.names[i], err);
        removed = one < 0 ? -1 : removed + one;
    }
    free(list.names);
    return removed;
}
