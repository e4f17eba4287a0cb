#include "network/nft_internal.h"

struct nft_expr nft_expr(struct nft *nft, const char *name)
{
    struct nft_expr e = { .element = nl_nest(&nft->buf, NFTA_LIST_ELEM) };
    nl_put_str(&nft->buf, NFTA_EXPR_NAME, name);
    e.data = nl_nest(&nft->buf, NFTA_EXPR_DATA);
    return e;
}

void nft_expr_end(struct nft *nft, struct nft_expr e)
{
    nl_nest_end(&nft->buf, e.data);
    nl_nest_end(&nft->buf, e.element);
}

void nft_put_value(struct nft *nft, uint16_t attribute, const void *value, size_t size)
{
    size_t nest = nl_nest(&nft->buf, attribute);
    nl_put(&nft->buf, NFTA_DATA_VALUE, value, size);
    nl_nest_end(&nft->buf, nest);
}
