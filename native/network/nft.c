#include "network/nft.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>

#include "base/util.h"

/* Bits of the connection's state as the kernel's nf_conntrack_common.h numbers them; its header clashes with libc's. */
#define CT_STATE_ESTABLISHED 2u
#define CT_STATE_RELATED 4u
#define CT_STATUS_DNAT 0x20u

/* TLV type of a comment in a rule's user data, as libnftnl writes it (NFTNL_UDATA_RULE_COMMENT). */
#define UDATA_COMMENT 0

int nft_open(struct nft *nft, struct rt_error *err)
{
    *nft = (struct nft){ .nl.fd = -1 };
    return nl_open(&nft->nl, NETLINK_NETFILTER, err);
}

void nft_close(struct nft *nft)
{
    nl_close(&nft->nl);
    nl_buf_free(&nft->buf);
}

static void begin(struct nft *nft, uint16_t type, uint16_t flags, int family)
{
    struct nfgenmsg header = { .nfgen_family = (uint8_t)family, .version = NFNETLINK_V0 };
    nl_begin(&nft->nl, &nft->buf, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, &header, sizeof header);
}

static void batch(struct nft *nft, uint16_t type, uint16_t flags)
{
    struct nfgenmsg header = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES) };
    nl_begin(&nft->nl, &nft->buf, type, flags, &header, sizeof header);
}

void nft_begin(struct nft *nft)
{
    nft->buf.size = 0;
    batch(nft, NFNL_MSG_BATCH_BEGIN, 0);
}

int nft_commit(struct nft *nft, char *reason)
{
    /* Errors come unasked. One acknowledgement says that all is done; one for each of many rules would overrun the socket. */
    if (nft->buf.message > 0) /* not of an empty batch */
        nl_want_answer(&nft->buf);
    batch(nft, NFNL_MSG_BATCH_END, 0);
    return nl_talk(&nft->nl, &nft->buf, NULL, NULL, reason);
}

void nft_table(struct nft *nft, int family, const char *table)
{
    begin(nft, NFT_MSG_NEWTABLE, NLM_F_CREATE, family);
    nl_put_str(&nft->buf, NFTA_TABLE_NAME, table);
}

void nft_table_delete(struct nft *nft, int family, const char *table)
{
    begin(nft, NFT_MSG_DELTABLE, 0, family);
    nl_put_str(&nft->buf, NFTA_TABLE_NAME, table);
}

void nft_chain(struct nft *nft, int family, const char *table, const char *chain, const struct nft_hook *hook)
{
    begin(nft, NFT_MSG_NEWCHAIN, NLM_F_CREATE, family);
    nl_put_str(&nft->buf, NFTA_CHAIN_TABLE, table);
    nl_put_str(&nft->buf, NFTA_CHAIN_NAME, chain);
    if (!hook)
        return;
    nl_put_str(&nft->buf, NFTA_CHAIN_TYPE, hook->type);
    size_t nest = nl_nest(&nft->buf, NFTA_CHAIN_HOOK);
    nl_put_be32(&nft->buf, NFTA_HOOK_HOOKNUM, hook->hook);
    nl_put_be32(&nft->buf, NFTA_HOOK_PRIORITY, (uint32_t)hook->priority);
    nl_nest_end(&nft->buf, nest);
}

struct nft_rule nft_rule(struct nft *nft, int family, const char *table, const char *chain, enum nft_place place, const char *comment)
{
    begin(nft, NFT_MSG_NEWRULE, (uint16_t)(NLM_F_CREATE | (place == NFT_LAST ? NLM_F_APPEND : 0)), family);
    nl_put_str(&nft->buf, NFTA_RULE_TABLE, table);
    nl_put_str(&nft->buf, NFTA_RULE_CHAIN, chain);
    unsigned char udata[NFT_USERDATA_MAXLEN];
    size_t size = strlen(comment) + 1;
    if (size + 2 > sizeof udata || size > UINT8_MAX) {
        nft->buf.failed = true;
    } else {
        udata[0] = UDATA_COMMENT;
        udata[1] = (unsigned char)size;
        memcpy(udata + 2, comment, size);
        nl_put(&nft->buf, NFTA_RULE_USERDATA, udata, size + 2);
    }
    return (struct nft_rule){ .list = nl_nest(&nft->buf, NFTA_RULE_EXPRESSIONS) };
}

void nft_rule_end(struct nft *nft, struct nft_rule rule)
{
    nl_nest_end(&nft->buf, rule.list);
}

void nft_rule_delete(struct nft *nft, int family, const char *table, const char *chain, uint64_t handle)
{
    begin(nft, NFT_MSG_DELRULE, 0, family);
    nl_put_str(&nft->buf, NFTA_RULE_TABLE, table);
    nl_put_str(&nft->buf, NFTA_RULE_CHAIN, chain);
    nl_put_be64(&nft->buf, NFTA_RULE_HANDLE, handle);
}

/* An expression: a list element of a name and a nest of its own attributes. */
struct expr {
    size_t element, data;
};

static struct expr expr(struct nft *nft, const char *name)
{
    struct expr e = { .element = nl_nest(&nft->buf, NFTA_LIST_ELEM) };
    nl_put_str(&nft->buf, NFTA_EXPR_NAME, name);
    e.data = nl_nest(&nft->buf, NFTA_EXPR_DATA);
    return e;
}

static void expr_end(struct nft *nft, struct expr e)
{
    nl_nest_end(&nft->buf, e.data);
    nl_nest_end(&nft->buf, e.element);
}

static void put_value(struct nft *nft, uint16_t attribute, const void *value, size_t size)
{
    size_t nest = nl_nest(&nft->buf, attribute);
    nl_put(&nft->buf, NFTA_DATA_VALUE, value, size);
    nl_nest_end(&nft->buf, nest);
}

static void load_meta(struct nft *nft, uint32_t key)
{
    struct expr e = expr(nft, "meta");
    nl_put_be32(&nft->buf, NFTA_META_KEY, key);
    nl_put_be32(&nft->buf, NFTA_META_DREG, NFT_REG_1);
    expr_end(nft, e);
}

static void load_payload(struct nft *nft, uint32_t base, size_t offset, size_t size)
{
    struct expr e = expr(nft, "payload");
    nl_put_be32(&nft->buf, NFTA_PAYLOAD_DREG, NFT_REG_1);
    nl_put_be32(&nft->buf, NFTA_PAYLOAD_BASE, base);
    nl_put_be32(&nft->buf, NFTA_PAYLOAD_OFFSET, (uint32_t)offset);
    nl_put_be32(&nft->buf, NFTA_PAYLOAD_LEN, (uint32_t)size);
    expr_end(nft, e);
}

static void load_ct(struct nft *nft, uint32_t key)
{
    struct expr e = expr(nft, "ct");
    nl_put_be32(&nft->buf, NFTA_CT_KEY, key);
    nl_put_be32(&nft->buf, NFTA_CT_DREG, NFT_REG_1);
    expr_end(nft, e);
}

static void load_value(struct nft *nft, uint32_t reg, const void *value, size_t size)
{
    struct expr e = expr(nft, "immediate");
    nl_put_be32(&nft->buf, NFTA_IMMEDIATE_DREG, reg);
    put_value(nft, NFTA_IMMEDIATE_DATA, value, size);
    expr_end(nft, e);
}

static void mask(struct nft *nft, const void *bits, size_t size)
{
    static const unsigned char zero[16];
    struct expr e = expr(nft, "bitwise");
    nl_put_be32(&nft->buf, NFTA_BITWISE_SREG, NFT_REG_1);
    nl_put_be32(&nft->buf, NFTA_BITWISE_DREG, NFT_REG_1);
    nl_put_be32(&nft->buf, NFTA_BITWISE_LEN, (uint32_t)size);
    put_value(nft, NFTA_BITWISE_MASK, bits, size);
    put_value(nft, NFTA_BITWISE_XOR, zero, size);
    expr_end(nft, e);
}

static void compare(struct nft *nft, bool equal, const void *value, size_t size)
{
    struct expr e = expr(nft, "cmp");
    nl_put_be32(&nft->buf, NFTA_CMP_SREG, NFT_REG_1);
    nl_put_be32(&nft->buf, NFTA_CMP_OP, equal ? NFT_CMP_EQ : NFT_CMP_NEQ);
    put_value(nft, NFTA_CMP_DATA, value, size);
    expr_end(nft, e);
}

static void match_name(struct nft *nft, uint32_t key, const char *name, bool equal)
{
    char padded[IFNAMSIZ] = "";
    size_t size = strlen(name);
    if (size >= sizeof padded) {
        nft->buf.failed = true;
        return;
    }
    memcpy(padded, name, size);
    load_meta(nft, key);
    compare(nft, equal, padded, sizeof padded);
}

void nft_match_iif(struct nft *nft, const char *name, bool equal)
{
    match_name(nft, NFT_META_IIFNAME, name, equal);
}

void nft_match_oif(struct nft *nft, const char *name, bool equal)
{
    match_name(nft, NFT_META_OIFNAME, name, equal);
}

void nft_match_family(struct nft *nft, int family)
{
    uint8_t protocol = family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6;
    load_meta(nft, NFT_META_NFPROTO);
    compare(nft, true, &protocol, sizeof protocol);
}

static void match_network(struct nft *nft, const struct address *network, size_t offset)
{
    size_t size = address_size(network);
    struct address masked = address_network(network);
    nft_match_family(nft, network->family);
    load_payload(nft, NFT_PAYLOAD_NETWORK_HEADER, offset, size);
    if (network->prefix < size * 8) {
        struct address ones = { .family = network->family, .prefix = network->prefix };
        memset(ones.bytes, 0xff, sizeof ones.bytes);
        ones = address_network(&ones);
        mask(nft, ones.bytes, size);
    }
    compare(nft, true, masked.bytes, size);
}

void nft_match_source(struct nft *nft, const struct address *network)
{
    match_network(nft, network, network->family == AF_INET ? offsetof(struct iphdr, saddr) : offsetof(struct ip6_hdr, ip6_src));
}

void nft_match_destination(struct nft *nft, const struct address *network)
{
    match_network(nft, network, network->family == AF_INET ? offsetof(struct iphdr, daddr) : offsetof(struct ip6_hdr, ip6_dst));
}

void nft_match_port(struct nft *nft, uint8_t protocol, uint16_t port)
{
    uint16_t network_order = htons(port);
    load_meta(nft, NFT_META_L4PROTO);
    compare(nft, true, &protocol, sizeof protocol);
    load_payload(nft, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof network_order);
    compare(nft, true, &network_order, sizeof network_order);
}

void nft_match_local(struct nft *nft)
{
    uint32_t local = RTN_LOCAL;
    struct expr e = expr(nft, "fib");
    nl_put_be32(&nft->buf, NFTA_FIB_DREG, NFT_REG_1);
    nl_put_be32(&nft->buf, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    nl_put_be32(&nft->buf, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
    expr_end(nft, e);
    compare(nft, true, &local, sizeof local);
}

static void match_ct_bits(struct nft *nft, uint32_t key, uint32_t bits)
{
    uint32_t none = 0;
    load_ct(nft, key);
    mask(nft, &bits, sizeof bits);
    compare(nft, false, &none, sizeof none);
}

void nft_match_established(struct nft *nft)
{
    match_ct_bits(nft, NFT_CT_STATE, CT_STATE_ESTABLISHED | CT_STATE_RELATED);
}

void nft_match_translated(struct nft *nft)
{
    match_ct_bits(nft, NFT_CT_STATUS, CT_STATUS_DNAT);
}

void nft_verdict(struct nft *nft, int verdict, const char *chain)
{
    struct expr e = expr(nft, "immediate");
    nl_put_be32(&nft->buf, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    size_t data = nl_nest(&nft->buf, NFTA_IMMEDIATE_DATA);
    size_t nest = nl_nest(&nft->buf, NFTA_DATA_VERDICT);
    nl_put_be32(&nft->buf, NFTA_VERDICT_CODE, (uint32_t)verdict);
    if (chain)
        nl_put_str(&nft->buf, NFTA_VERDICT_CHAIN, chain);
    nl_nest_end(&nft->buf, nest);
    nl_nest_end(&nft->buf, data);
    expr_end(nft, e);
}

void nft_dnat(struct nft *nft, const struct address *address, uint16_t port)
{
    uint16_t network_order = htons(port);
    load_value(nft, NFT_REG_1, address->bytes, address_size(address));
    load_value(nft, NFT_REG_2, &network_order, sizeof network_order);
    struct expr e = expr(nft, "nat");
    nl_put_be32(&nft->buf, NFTA_NAT_TYPE, NFT_NAT_DNAT);
    nl_put_be32(&nft->buf, NFTA_NAT_FAMILY, address->family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6);
    nl_put_be32(&nft->buf, NFTA_NAT_REG_ADDR_MIN, NFT_REG_1);
    nl_put_be32(&nft->buf, NFTA_NAT_REG_PROTO_MIN, NFT_REG_2);
    expr_end(nft, e);
}

void nft_masquerade(struct nft *nft)
{
    expr_end(nft, expr(nft, "masq"));
}

void nft_counter(struct nft *nft)
{
    expr_end(nft, expr(nft, "counter"));
}

struct listing {
    nft_visit *visit;
    void *context;
};

/* The comment in a rule's user data: a list of type, length, value. */
static const char *comment_of(const struct nlattr *a)
{
    const unsigned char *at = nl_data(a), *end = at + nl_size(a);
    while (end - at >= 2 && end - at - 2 >= at[1]) {
        if (at[0] == UDATA_COMMENT && at[1] > 0 && at[1 + at[1]] == '\0')
            return (const char *)at + 2;
        at += 2 + at[1];
    }
    return NULL;
}

static int visit_rule(const struct nlmsghdr *m, void *context)
{
    struct listing *listing = context;
    struct nfgenmsg header;
    memcpy(&header, NLMSG_DATA(m), sizeof header);
    struct nft_rule_info rule = { .family = header.nfgen_family };
    for (const struct nlattr *a = nl_first(m, sizeof(struct nfgenmsg)); nl_valid(a, nl_end(m)); a = nl_next(a)) {
        switch (nl_type(a)) {
        case NFTA_RULE_TABLE:
            rule.table = nl_str(a);
            break;
        case NFTA_RULE_CHAIN:
            rule.chain = nl_str(a);
            break;
        case NFTA_RULE_HANDLE:
            if (nl_size(a) == sizeof rule.handle) {
                memcpy(&rule.handle, nl_data(a), sizeof rule.handle);
                rule.handle = be64toh(rule.handle);
            }
            break;
        case NFTA_RULE_USERDATA:
            rule.comment = comment_of(a);
            break;
        default:
            break;
        }
    }
    return rule.table && rule.chain ? listing->visit(&rule, listing->context) : 0;
}

int nft_rules(struct nft *nft, int family, const char *table, const char *chain, nft_visit *visit, void *context)
{
    struct listing listing = { visit, context };
    int result = -EINTR;
    for (int tries = 0; result == -EINTR && tries < 100; tries++) {
        nft->buf.size = 0;
        begin(nft, NFT_MSG_GETRULE, NLM_F_DUMP, family);
        if (table)
            nl_put_str(&nft->buf, NFTA_RULE_TABLE, table);
        if (chain)
            nl_put_str(&nft->buf, NFTA_RULE_CHAIN, chain);
        result = nl_talk(&nft->nl, &nft->buf, visit_rule, &listing, NULL);
    }
    return result;
}

struct chain_listing {
    nft_chain_visit *visit;
    void *context;
};

static int visit_chain(const struct nlmsghdr *m, void *context)
{
    struct chain_listing *listing = context;
    struct nfgenmsg header;
    memcpy(&header, NLMSG_DATA(m), sizeof header);
    struct nft_chain_info chain = { .family = header.nfgen_family };
    for (const struct nlattr *a = nl_first(m, sizeof header); nl_valid(a, nl_end(m)); a = nl_next(a)) {
        switch (nl_type(a)) {
        case NFTA_CHAIN_TABLE:
            chain.table = nl_str(a);
            break;
        case NFTA_CHAIN_NAME:
            chain.name = nl_str(a);
            break;
        case NFTA_CHAIN_TYPE:
            chain.type = nl_str(a);
            break;
        case NFTA_CHAIN_HOOK:
            for (const struct nlattr *h = nl_inner(a); nl_valid(h, nl_nest_limit(a)); h = nl_next(h))
                if (nl_type(h) == NFTA_HOOK_HOOKNUM)
                    chain.hook = ntohl(nl_u32(h));
            break;
        default:
            break;
        }
    }
    return chain.table && chain.name ? listing->visit(&chain, listing->context) : 0;
}

int nft_chains(struct nft *nft, nft_chain_visit *visit, void *context)
{
    struct chain_listing listing = { visit, context };
    int result = -EINTR;
    for (int tries = 0; result == -EINTR && tries < 100; tries++) {
        nft->buf.size = 0;
        begin(nft, NFT_MSG_GETCHAIN, NLM_F_DUMP, NFPROTO_UNSPEC);
        result = nl_talk(&nft->nl, &nft->buf, visit_chain, &listing, NULL);
    }
    return result;
}
