#include "network/conntrack.h"

#include <arpa/inet.h>
#include <string.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "network/netlink.h"

struct purge {
    const struct port *ports;
    size_t count;
    struct nl *nl;
    struct nl_buf deletions;
};

static void begin(struct nl *nl, struct nl_buf *buf, uint16_t type, uint16_t flags, int family)
{
    struct nfgenmsg header = { .nfgen_family = (uint8_t)family, .version = NFNETLINK_V0 };
    nl_begin(nl, buf, (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type), flags, &header, sizeof header);
}

struct tuple {
    struct address destination;
    int protocol;
    uint16_t port;
};

static void parse_address(const struct nlattr *ip, struct tuple *out)
{
    for (const struct nlattr *a = nl_inner(ip); nl_valid(a, nl_nest_limit(ip)); a = nl_next(a)) {
        int family = nl_type(a) == CTA_IP_V4_DST ? AF_INET : nl_type(a) == CTA_IP_V6_DST ? AF_INET6 : 0;
        struct address found = { .family = family, .prefix = family == AF_INET ? 32 : 128 };
        if (family == 0 || nl_size(a) != address_size(&found))
            continue;
        memcpy(found.bytes, nl_data(a), nl_size(a));
        out->destination = found;
    }
}

static void parse_protocol(const struct nlattr *protocol, struct tuple *out)
{
    for (const struct nlattr *a = nl_inner(protocol); nl_valid(a, nl_nest_limit(protocol)); a = nl_next(a)) {
        if (nl_type(a) == CTA_PROTO_NUM && nl_size(a) == 1)
            out->protocol = *(const uint8_t *)nl_data(a);
        else if (nl_type(a) == CTA_PROTO_DST_PORT && nl_size(a) == 2) {
            memcpy(&out->port, nl_data(a), 2);
            out->port = ntohs(out->port);
        }
    }
}

static bool wanted(const struct purge *purge, const struct tuple *tuple)
{
    for (size_t i = 0; i < purge->count; i++) {
        const struct port *port = &purge->ports[i];
        if (port->protocol == IPPROTO_UDP && tuple->protocol == IPPROTO_UDP && tuple->port == port->host_port &&
            tuple->destination.family == port->host_address.family &&
            (address_is_any(&port->host_address) || address_equal(&port->host_address, &tuple->destination)))
            return true;
    }
    return false;
}

static int visit(const struct nlmsghdr *m, void *context)
{
    struct purge *purge = context;
    for (const struct nlattr *a = nl_first(m, sizeof(struct nfgenmsg)); nl_valid(a, nl_end(m)); a = nl_next(a)) {
        if (nl_type(a) != CTA_TUPLE_ORIG)
            continue;
        struct tuple tuple = { 0 };
        for (const struct nlattr *part = nl_inner(a); nl_valid(part, nl_nest_limit(a)); part = nl_next(part)) {
            if (nl_type(part) == CTA_TUPLE_IP)
                parse_address(part, &tuple);
            else if (nl_type(part) == CTA_TUPLE_PROTO)
                parse_protocol(part, &tuple);
        }
        if (!wanted(purge, &tuple))
            continue;
        begin(purge->nl, &purge->deletions, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, tuple.destination.family);
        nl_put(&purge->deletions, CTA_TUPLE_ORIG | NLA_F_NESTED, nl_data(a), nl_size(a));
    }
    return 0;
}

void conntrack_forget(const struct port *ports, size_t count)
{
    bool any = false;
    for (size_t i = 0; i < count; i++)
        any |= ports[i].protocol == IPPROTO_UDP;
    struct rt_error ignored;
    auto_nl struct nl nl = { .fd = -1 };
    auto_nl_buf struct nl_buf buf = { 0 };
    if (!any || nl_open(&nl, NETLINK_NETFILTER, &ignored) < 0)
        return;
    struct purge purge = { .ports = ports, .count = count, .nl = &nl };
    begin(&nl, &buf, IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);
    if (nl_talk(&nl, &buf, visit, &purge, NULL) == 0 && purge.deletions.size > 0)
        nl_talk(&nl, &purge.deletions, NULL, NULL, NULL);
    nl_buf_free(&purge.deletions);
}
