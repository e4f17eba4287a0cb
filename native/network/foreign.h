#pragma once
#include "network/nft.h"

/*
 * Chains of others that decide what passes through the machine, and the accept that a bridge gets at their head. An accept of one table cannot
 * overrule the drop of another, so it must stand where the drop is.
 */
struct foreign_chain {
    int family;
    char table[NFT_NAME_MAXLEN], chain[NFT_NAME_MAXLEN];
};

struct foreign {
    struct foreign_chain *chains;
    size_t count;
};

/*
 * DOCKER-USER, where a dockerd is: its FORWARD policy is drop, and it leaves that chain to others. With `all` every filter that packets pass on their
 * way through as well. 0, or a negative errno.
 */
int foreign_list(struct nft *nft, bool all, struct foreign *out);
void foreign_clear(struct foreign *foreign);
#define auto_foreign __attribute__((cleanup(foreign_clear)))

/* Appends to the batch the accepts of what comes from the bridge and of what goes to it. */
void foreign_put_accept(struct nft *nft, const struct foreign *foreign, const char *bridge, const char *comment);
