#pragma once
#include "network/nft.h"

/* TLV type of a comment in a rule's user data, as libnftnl writes it (NFTNL_UDATA_RULE_COMMENT). */
#define UDATA_COMMENT 0

/* Begins a message of nf_tables in the buffer. */
void nft_message(struct nft *nft, uint16_t type, uint16_t flags, int family);

/* An expression: a list element of a name and a nest of its own attributes. */
struct nft_expr {
    size_t element, data;
};
struct nft_expr nft_expr(struct nft *nft, const char *name);
void nft_expr_end(struct nft *nft, struct nft_expr e);
void nft_put_value(struct nft *nft, uint16_t attribute, const void *value, size_t size);
