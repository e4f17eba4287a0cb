#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "network/nft_internal.h"

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
        nft_message(nft, NFT_MSG_GETRULE, NLM_F_DUMP, family);
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
        nft_message(nft, NFT_MSG_GETCHAIN, NLM_F_DUMP, NFPROTO_UNSPEC);
        result = nl_talk(&nft->nl, &nft->buf, visit_chain, &listing, NULL);
    }
    return result;
}
