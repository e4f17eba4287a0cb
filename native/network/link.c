#include "network/link.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdio.h>
#include <string.h>

#define CODE "NETWORK_FAILED"

static void copy_text(char *out, size_t size, const struct nlattr *a)
{
    const char *text = nl_str(a);
    snprintf(out, size, "%s", text ? text : "");
}

static void parse_link(const struct nlmsghdr *m, struct link *out)
{
    struct ifinfomsg info;
    memcpy(&info, NLMSG_DATA(m), sizeof info);
    *out = (struct link){ .index = info.ifi_index, .up = (info.ifi_flags & IFF_UP) != 0 };
    for (const struct nlattr *a = nl_first(m, sizeof info); nl_valid(a, nl_end(m)); a = nl_next(a)) {
        switch (nl_type(a)) {
        case IFLA_IFNAME:
            copy_text(out->name, sizeof out->name, a);
            break;
        case IFLA_IFALIAS:
            copy_text(out->alias, sizeof out->alias, a);
            break;
        case IFLA_MASTER:
            out->master = (int)nl_u32(a);
            break;
        case IFLA_ADDRESS:
            if (nl_size(a) == ETH_ALEN)
                memcpy(out->mac, nl_data(a), ETH_ALEN);
            break;
        case IFLA_LINKINFO:
            for (const struct nlattr *i = nl_inner(a); nl_valid(i, nl_nest_limit(a)); i = nl_next(i))
                if (nl_type(i) == IFLA_INFO_KIND)
                    copy_text(out->kind, sizeof out->kind, i);
            break;
        default:
            break;
        }
    }
}

static int take_link(const struct nlmsghdr *m, void *context)
{
    if (m->nlmsg_type == RTM_NEWLINK)
        parse_link(m, context);
    return 0;
}

int link_find(struct nl *nl, const char *name, struct link *out, struct rt_error *err)
{
    auto_nl_buf struct nl_buf buf = { 0 };
    struct ifinfomsg info = { .ifi_family = AF_UNSPEC };
    *out = (struct link){ 0 };
    nl_begin(nl, &buf, RTM_GETLINK, NLM_F_ACK, &info, sizeof info);
    nl_put_str(&buf, IFLA_IFNAME, name);
    int result = nl_talk(nl, &buf, take_link, out, NULL);
    if (result == -ENODEV)
        return 0;
    if (result != 0)
        return rt_fail(err, CODE, -result, "netlink", "cannot look up the interface '%s'", name);
    return 1;
}

struct walk {
    link_visit *each;
    void *context;
};

static int visit_link(const struct nlmsghdr *m, void *context)
{
    struct walk *walk = context;
    struct link link;
    if (m->nlmsg_type != RTM_NEWLINK)
        return 0;
    parse_link(m, &link);
    return walk->each(&link, walk->context);
}

int link_walk(struct nl *nl, link_visit *each, void *context, struct rt_error *err)
{
    struct walk walk = { each, context };
    int result = -EINTR;
    for (int tries = 0; result == -EINTR && tries < 100; tries++) {
        auto_nl_buf struct nl_buf buf = { 0 };
        struct ifinfomsg info = { .ifi_family = AF_UNSPEC };
        nl_begin(nl, &buf, RTM_GETLINK, NLM_F_DUMP, &info, sizeof info);
        result = nl_talk(nl, &buf, visit_link, &walk, NULL);
    }
    return result < 0 ? rt_fail(err, CODE, -result, "netlink", "cannot list the interfaces") : result;
}

int bridge_create(struct nl *nl, const char *name, const char *alias, unsigned mtu, const unsigned char mac[ETH_ALEN], struct rt_error *err)
{
    auto_nl_buf struct nl_buf buf = { 0 };
    char born[IFNAMSIZ], reason[128];
    snprintf(born, sizeof born, "tsn%02x%02x%02x%02x%02x%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    struct ifinfomsg info = { .ifi_family = AF_UNSPEC };
    nl_begin(nl, &buf, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &info, sizeof info);
    nl_put_str(&buf, IFLA_IFNAME, born);
    nl_put(&buf, IFLA_ADDRESS, mac, ETH_ALEN);
    if (mtu)
        nl_put_u32(&buf, IFLA_MTU, mtu);
    size_t linkinfo = nl_nest(&buf, IFLA_LINKINFO);
    nl_put_str(&buf, IFLA_INFO_KIND, "bridge");
    nl_nest_end(&buf, linkinfo);
    /*
     * In the same datagram: a kill cannot come between, so a bridge without the alias is never ours. The kernel carries out both messages even
     * where the first fails, so the name must be one that nobody else has: another's interface would be marked as ours.
     */
    link_put_alias(nl, &buf, born, alias);
    int result = nl_talk(nl, &buf, NULL, NULL, reason);
    if (result == 0) {
        info = (struct ifinfomsg){ .ifi_family = AF_UNSPEC, .ifi_index = (int)if_nametoindex(born), .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
        nl_begin(nl, &buf, RTM_SETLINK, NLM_F_ACK, &info, sizeof info);
        nl_put_str(&buf, IFLA_IFNAME, name);
        result = nl_talk(nl, &buf, NULL, NULL, reason);
        if (result == 0)
            return info.ifi_index;
        struct rt_error ignored; /* a sweep removes what stays */
        link_delete_index(nl, info.ifi_index, &ignored);
    }
    return rt_fail(err, result == -EOPNOTSUPP ? "FEATURE_MISSING" : CODE, -result, "netlink", "cannot make the bridge '%s'%s%s", name,
                   reason[0] ? ": " : "", reason);
}

int veth_create(struct nl *nl, const struct veth *veth, struct rt_error *err)
{
    auto_nl_buf struct nl_buf buf = { 0 };
    struct ifinfomsg info = { .ifi_family = AF_UNSPEC, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
    nl_begin(nl, &buf, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &info, sizeof info);
    nl_put_str(&buf, IFLA_IFNAME, veth->name);
    nl_put_u32(&buf, IFLA_MASTER, (uint32_t)veth->bridge);
    if (veth->mtu)
        nl_put_u32(&buf, IFLA_MTU, veth->mtu);
    size_t linkinfo = nl_nest(&buf, IFLA_LINKINFO);
    nl_put_str(&buf, IFLA_INFO_KIND, "veth");
    size_t data = nl_nest(&buf, IFLA_INFO_DATA);
    size_t peer = nl_nest(&buf, VETH_INFO_PEER);
    struct ifinfomsg peer_info = { .ifi_family = AF_UNSPEC };
    nl_put_raw(&buf, &peer_info, sizeof peer_info);
    nl_put_str(&buf, IFLA_IFNAME, veth->peer_name);
    nl_put(&buf, IFLA_ADDRESS, veth->peer_mac, ETH_ALEN);
    nl_put_u32(&buf, IFLA_NET_NS_FD, (uint32_t)veth->peer_netns);
    if (veth->mtu)
        nl_put_u32(&buf, IFLA_MTU, veth->mtu);
    nl_nest_end(&buf, peer);
    nl_nest_end(&buf, data);
    nl_nest_end(&buf, linkinfo);
    char reason[128];
    int result = nl_talk(nl, &buf, NULL, NULL, reason);
    if (result == -EEXIST && if_nametoindex(veth->name) != 0)
        return 1;
    if (result != 0)
        return rt_fail(err, result == -EOPNOTSUPP ? "FEATURE_MISSING" : CODE, -result, "netlink", "cannot make the interface '%s' of the container%s%s",
                       veth->peer_name, reason[0] ? ": " : "", reason);
    link_put_alias(nl, &buf, veth->name, veth->alias);
    if (veth->hairpin || veth->isolated) {
        struct ifinfomsg port = { .ifi_family = AF_BRIDGE, .ifi_index = (int)if_nametoindex(veth->name) };
        nl_begin(nl, &buf, RTM_SETLINK, NLM_F_ACK, &port, sizeof port);
        size_t protinfo = nl_nest(&buf, IFLA_PROTINFO);
        nl_put_u8(&buf, IFLA_BRPORT_MODE, veth->hairpin);
        nl_put_u8(&buf, IFLA_BRPORT_ISOLATED, veth->isolated);
        nl_nest_end(&buf, protinfo);
    }
    return nl_send(nl, &buf, NULL, NULL, err, CODE, "configure the host's end of an interface");
}

static int delete(struct nl *nl, const char *name, int index, struct rt_error *err)
{
    auto_nl_buf struct nl_buf buf = { 0 };
    struct ifinfomsg info = { .ifi_family = AF_UNSPEC, .ifi_index = index };
    nl_begin(nl, &buf, RTM_DELLINK, NLM_F_ACK, &info, sizeof info);
    if (name)
        nl_put_str(&buf, IFLA_IFNAME, name);
    int result = nl_talk(nl, &buf, NULL, NULL, NULL);
    if (result == 0 || result == -ENODEV)
        return 0;
    return rt_fail(err, CODE, -result, "netlink", "cannot remove the interface '%s'", name ? name : "of a container");
}

int link_delete(struct nl *nl, const char *name, struct rt_error *err)
{
    return delete(nl, name, 0, err);
}

int link_delete_index(struct nl *nl, int index, struct rt_error *err)
{
    return delete(nl, NULL, index, err);
}

void link_put_up(struct nl *nl, struct nl_buf *buf, int index)
{
    struct ifinfomsg info = { .ifi_family = AF_UNSPEC, .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
    nl_begin(nl, buf, RTM_NEWLINK, NLM_F_ACK, &info, sizeof info);
}

void link_put_master(struct nl *nl, struct nl_buf *buf, int index, int bridge)
{
    struct ifinfomsg info = { .ifi_family = AF_UNSPEC, .ifi_index = index };
    nl_begin(nl, buf, RTM_SETLINK, NLM_F_ACK, &info, sizeof info);
    nl_put_u32(buf, IFLA_MASTER, (uint32_t)bridge);
}

void link_put_alias(struct nl *nl, struct nl_buf *buf, const char *name, const char *alias)
{
    struct ifinfomsg info = { .ifi_family = AF_UNSPEC };
    nl_begin(nl, buf, RTM_SETLINK, NLM_F_ACK, &info, sizeof info);
    nl_put_str(buf, IFLA_IFNAME, name);
    nl_put_str(buf, IFLA_IFALIAS, alias);
}

void link_put_address(struct nl *nl, struct nl_buf *buf, int index, const struct address *address)
{
    struct ifaddrmsg info = {
        .ifa_family = (unsigned char)address->family,
        .ifa_prefixlen = address->prefix,
        .ifa_flags = IFA_F_NODAD | IFA_F_PERMANENT,
        .ifa_scope = RT_SCOPE_UNIVERSE,
        .ifa_index = (unsigned)index,
    };
    nl_begin(nl, buf, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, &info, sizeof info);
    nl_put(buf, IFA_LOCAL, address->bytes, address_size(address));
    nl_put(buf, IFA_ADDRESS, address->bytes, address_size(address));
    if (address->family == AF_INET && address->prefix < 31) {
        unsigned char broadcast[4];
        struct address network = address_network(address);
        for (int i = 0; i < 4; i++) {
            int kept = address->prefix - i * 8;
            broadcast[i] = (unsigned char)(network.bytes[i] | (kept >= 8 ? 0 : kept <= 0 ? 0xff : 0xff >> kept));
        }
        nl_put(buf, IFA_BROADCAST, broadcast, sizeof broadcast);
    }
}

static void put_route(struct nl *nl, struct nl_buf *buf, uint16_t type, uint16_t flags, int index, const struct address *destination,
                      const struct address *gateway)
{
    const struct address *known = destination ? destination : gateway;
    struct rtmsg info = {
        .rtm_family = (unsigned char)(known ? known->family : AF_INET),
        .rtm_dst_len = destination ? destination->prefix : 0,
        .rtm_table = RT_TABLE_MAIN,
        .rtm_protocol = RTPROT_STATIC,
        .rtm_scope = gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
        .rtm_type = RTN_UNICAST,
    };
    nl_begin(nl, buf, type, flags, &info, sizeof info);
    if (destination)
        nl_put(buf, RTA_DST, destination->bytes, address_size(destination));
    if (gateway)
        nl_put(buf, RTA_GATEWAY, gateway->bytes, address_size(gateway));
    nl_put_u32(buf, RTA_OIF, (uint32_t)index);
}

void link_put_route(struct nl *nl, struct nl_buf *buf, int index, const struct address *destination, const struct address *gateway)
{
    put_route(nl, buf, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, index, destination, gateway);
}

void link_put_route_delete(struct nl *nl, struct nl_buf *buf, int index, const struct address *destination, const struct address *gateway)
{
    put_route(nl, buf, RTM_DELROUTE, NLM_F_ACK, index, destination, gateway);
}
