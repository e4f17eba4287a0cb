#include "network/nft.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "network/nft_internal.h"

int nft_open(struct nft *nft, struct rt_error *err)
{
    *nft = (struct nft){ .nl.fd = -1 };
    if (nl_open(&nft->nl, NETLINK_NETFILTER, err) < 0) {
        nft->absent = strcmp(err->code, "FEATURE_MISSING") == 0;
        return nft->absent ? 0 : -1;
    }
    nft_message(nft, NFT_MSG_GETGEN, NLM_F_ACK, NFPROTO_UNSPEC);
    int result = nl_talk(&nft->nl, &nft->buf, NULL, NULL, NULL);
    nft->absent = result == -EINVAL || result == -EOPNOTSUPP; /* nobody answers for the subsystem */
    return 0;
}

void nft_close(struct nft *nft)
{
    nl_close(&nft->nl);
    nl_buf_free(&nft->buf);
}

void nft_message(struct nft *nft, uint16_t type, uint16_t flags, int family)
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
    nft_message(nft, NFT_MSG_NEWTABLE, NLM_F_CREATE, family);
    nl_put_str(&nft->buf, NFTA_TABLE_NAME, table);
}

void nft_table_delete(struct nft *nft, int family, const char *table)
{
    nft_message(nft, NFT_MSG_DELTABLE, 0, family);
    nl_put_str(&nft->buf, NFTA_TABLE_NAME, table);
}

void nft_chain(struct nft *nft, int family, const char *table, const char *chain, const struct nft_hook *hook)
{
    nft_message(nft, NFT_MSG_NEWCHAIN, NLM_F_CREATE, family);
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
    nft_message(nft, NFT_MSG_NEWRULE, (uint16_t)(NLM_F_CREATE | (place == NFT_LAST ? NLM_F_APPEND : 0)), family);
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
    nft_message(nft, NFT_MSG_DELRULE, 0, family);
    nl_put_str(&nft->buf, NFTA_RULE_TABLE, table);
    nl_put_str(&nft->buf, NFTA_RULE_CHAIN, chain);
    nl_put_be64(&nft->buf, NFTA_RULE_HANDLE, handle);
}
