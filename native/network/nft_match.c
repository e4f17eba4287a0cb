#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>

#include "network/nft_internal.h"

/* Bits of the connection's state as the kernel's nf_conntrack_common.h numbers them; its header clashes with libc's. */
#define CT_STATE_ESTABLISHED 2u
#define CT_STATE_RELATED 4u
#define CT_STATUS_DNAT 0x20u

static void load_meta(struct nft *nft, uint32_t key)
{
    struct nft_expr e = nft_expr(nft, "meta");
    nl_put_be32(&nft->buf, NFTA_META_KEY, key);
    nl_put_be32(&nft->buf, NFTA_META_DREG, NFT_REG_1);
    nft_expr_end(nft, e);
}

static void load_payload(struct nft *nft, uint32_t base, size_t offset, size_t size)
{
    struct nft_expr e = nft_expr(nft, "payload");
    nl_put_be32(&nft->buf, NFTA_PAYLOAD_DREG, NFT_REG_1);
    nl_put_be32(&nft->buf, NFTA_PAYLOAD_BASE, base);
    nl_put_be32(&nft->buf, NFTA_PAYLOAD_OFFSET, (uint32_t)offset);
    nl_put_be32(&nft->buf, NFTA_PAYLOAD_LEN, (uint32_t)size);
    nft_expr_end(nft, e);
}

static void load_ct(struct nft *nft, uint32_t key)
{
    struct nft_expr e = nft_expr(nft, "ct");
    nl_put_be32(&nft->buf, NFTA_CT_KEY, key);
    nl_put_be32(&nft->buf, NFTA_CT_DREG, NFT_REG_1);
    nft_expr_end(nft, e);
}

static void mask(struct nft *nft, const void *bits, size_t size)
{
    static const unsigned char zero[16];
    struct nft_expr e = nft_expr(nft, "bitwise");
    nl_put_be32(&nft->buf, NFTA_BITWISE_SREG, NFT_REG_1);
    nl_put_be32(&nft->buf, NFTA_BITWISE_DREG, NFT_REG_1);
    nl_put_be32(&nft->buf, NFTA_BITWISE_LEN, (uint32_t)size);
    nft_put_value(nft, NFTA_BITWISE_MASK, bits, size);
    nft_put_value(nft, NFTA_BITWISE_XOR, zero, size);
    nft_expr_end(nft, e);
}

static void compare(struct nft *nft, bool equal, const void *value, size_t size)
{
    struct nft_expr e = nft_expr(nft, "cmp");
    nl_put_be32(&nft->buf, NFTA_CMP_SREG, NFT_REG_1);
    nl_put_be32(&nft->buf, NFTA_CMP_OP, equal ? NFT_CMP_EQ : NFT_CMP_NEQ);
    nft_put_value(nft, NFTA_CMP_DATA, value, size);
    nft_expr_end(nft, e);
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
    struct nft_expr e = nft_expr(nft, "fib");
    nl_put_be32(&nft->buf, NFTA_FIB_DREG, NFT_REG_1);
    nl_put_be32(&nft->buf, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    nl_put_be32(&nft->buf, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
    nft_expr_end(nft, e);
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
