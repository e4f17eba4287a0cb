#include "network/foreign.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#define DOCKER_TABLE "filter"
#define DOCKER_CHAIN "DOCKER-USER"
#define OWN_TABLE "tsbuild"

struct collection {
    struct foreign *foreign;
    bool all;
};

static bool is_wanted(const struct nft_chain_info *chain, bool all)
{
    if (strcmp(chain->table, DOCKER_TABLE) == 0 && strcmp(chain->name, DOCKER_CHAIN) == 0)
        return chain->family == NFPROTO_IPV4 || chain->family == NFPROTO_IPV6;
    return all && chain->type && strcmp(chain->type, "filter") == 0 && chain->hook == NF_INET_FORWARD && strcmp(chain->table, OWN_TABLE) != 0 &&
           (chain->family == NFPROTO_IPV4 || chain->family == NFPROTO_IPV6 || chain->family == NFPROTO_INET);
}

static int collect(const struct nft_chain_info *chain, void *context)
{
    struct collection *c = context;
    struct foreign *f = c->foreign;
    struct foreign_chain one = { .family = chain->family };
    if (!is_wanted(chain, c->all) || strlen(chain->table) >= sizeof one.table || strlen(chain->name) >= sizeof one.chain)
        return 0;
    strcpy(one.table, chain->table);
    strcpy(one.chain, chain->name);
    for (size_t i = 0; i < f->count; i++)
        if (memcmp(&f->chains[i], &one, sizeof one) == 0)
            return 0; /* a listing that was begun again */
    struct foreign_chain *bigger = reallocarray(f->chains, f->count + 1, sizeof *bigger);
    if (!bigger)
        return -ENOMEM;
    f->chains = bigger;
    f->chains[f->count++] = one;
    return 0;
}

int foreign_list(struct nft *nft, bool all, struct foreign *out)
{
    *out = (struct foreign){ 0 };
    struct collection collection = { .foreign = out, .all = all };
    return nft_chains(nft, collect, &collection);
}

void foreign_clear(struct foreign *foreign)
{
    free(foreign->chains);
    *foreign = (struct foreign){ 0 };
}

void foreign_put_accept(struct nft *nft, const struct foreign *foreign, const char *bridge, const char *comment)
{
    for (size_t i = 0; i < foreign->count; i++) {
        const struct foreign_chain *f = &foreign->chains[i];
        for (int out = 0; out < 2; out++) {
            struct nft_rule r = nft_rule(nft, f->family, f->table, f->chain, NFT_FIRST, comment);
            if (out)
                nft_match_oif(nft, bridge, true);
            else
                nft_match_iif(nft, bridge, true);
            nft_counter(nft); /* iptables lists no rule without one */
            nft_verdict(nft, NF_ACCEPT, NULL);
            nft_rule_end(nft, r);
        }
    }
}
