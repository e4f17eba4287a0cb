#include <arpa/inet.h>

#include "network/nft_internal.h"

static void load_value(struct nft *nft, uint32_t reg, const void *value, size_t size)
{
    struct nft_expr e = nft_expr(nft, "immediate");
    nl_put_be32(&nft->buf, NFTA_IMMEDIATE_DREG, reg);
    nft_put_value(nft, NFTA_IMMEDIATE_DATA, value, size);
    nft_expr_end(nft, e);
}

void nft_verdict(struct nft *nft, int verdict, const char *chain)
{
    struct nft_expr e = nft_expr(nft, "immediate");
    nl_put_be32(&nft->buf, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    size_t data = nl_nest(&nft->buf, NFTA_IMMEDIATE_DATA);
    size_t nest = nl_nest(&nft->buf, NFTA_DATA_VERDICT);
    nl_put_be32(&nft->buf, NFTA_VERDICT_CODE, (uint32_t)verdict);
    if (chain)
        nl_put_str(&nft->buf, NFTA_VERDICT_CHAIN, chain);
    nl_nest_end(&nft->buf, nest);
    nl_nest_end(&nft->buf, data);
    nft_expr_end(nft, e);
}

void nft_dnat(struct nft *nft, const struct address *address, uint16_t port)
{
    uint16_t network_order = htons(port);
    load_value(nft, NFT_REG_1, address->bytes, address_size(address));
    load_value(nft, NFT_REG_2, &network_order, sizeof network_order);
    struct nft_expr e = nft_expr(nft, "nat");
    nl_put_be32(&nft->buf, NFTA_NAT_TYPE, NFT_NAT_DNAT);
    nl_put_be32(&nft->buf, NFTA_NAT_FAMILY, address->family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6);
    nl_put_be32(&nft->buf, NFTA_NAT_REG_ADDR_MIN, NFT_REG_1);
    nl_put_be32(&nft->buf, NFTA_NAT_REG_PROTO_MIN, NFT_REG_2);
    nft_expr_end(nft, e);
}

void nft_masquerade(struct nft *nft)
{
    nft_expr_end(nft, nft_expr(nft, "masq"));
}

void nft_counter(struct nft *nft)
{
    nft_expr_end(nft, nft_expr(nft, "counter"));
}
