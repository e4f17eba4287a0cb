#pragma once
#include <netinet/in.h>
/* libc's definitions must come before the kernel's, which then leave out their own. */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "network/address.h"
#include "network/netlink.h"

/*
 * nftables over netlink: a batch of changes that the kernel carries out as one transaction, and a listing of rules. Expressions are appended to
 * the rule that nft_rule began, each reads and writes registers as in nft's own bytecode (nft --debug=netlink shows it).
 */
struct nft {
    struct nl nl;
    struct nl_buf buf;
    bool absent; /* the kernel has no nftables: nothing else may be called (iptables.h) */
};

int nft_open(struct nft *nft, struct rt_error *err);
void nft_close(struct nft *nft);
#define auto_nft __attribute__((cleanup(nft_close)))

void nft_begin(struct nft *nft);
/* 0, or the negative errno of the first change that the kernel refused: then nothing was changed. `reason` as in nl_talk. */
int nft_commit(struct nft *nft, char *reason);

/* Adding a table or chain that is there already is no error. */
void nft_table(struct nft *nft, int family, const char *table);
void nft_table_delete(struct nft *nft, int family, const char *table);
struct nft_hook {
    const char *type; /* "nat", "filter" */
    unsigned hook;    /* NF_INET_… */
    int priority;
};
/* `hook` NULL: a chain that is only jumped to. */
void nft_chain(struct nft *nft, int family, const char *table, const char *chain, const struct nft_hook *hook);

enum nft_place { NFT_LAST, NFT_FIRST };
/* Begins a rule; nft_rule_end ends it. `comment` is kept in the rule's user data as nft keeps comments. */
struct nft_rule {
    size_t list;
};
struct nft_rule nft_rule(struct nft *nft, int family, const char *table, const char *chain, enum nft_place place, const char *comment);
void nft_rule_end(struct nft *nft, struct nft_rule rule);
void nft_rule_delete(struct nft *nft, int family, const char *table, const char *chain, uint64_t handle);

/* Matches. A rule goes on only where they hold. */
void nft_match_iif(struct nft *nft, const char *name, bool equal);
void nft_match_oif(struct nft *nft, const char *name, bool equal);
void nft_match_family(struct nft *nft, int family);
/* The packet's source or destination lies in the network. Includes the match of the address family. */
void nft_match_source(struct nft *nft, const struct address *network);
void nft_match_destination(struct nft *nft, const struct address *network);
/* TCP or UDP with this destination port. */
void nft_match_port(struct nft *nft, uint8_t protocol, uint16_t port);
/* The destination is an address of this machine. */
void nft_match_local(struct nft *nft);
void nft_match_established(struct nft *nft);
void nft_match_translated(struct nft *nft); /* the connection's destination was rewritten */

/* Actions. */
void nft_verdict(struct nft *nft, int verdict, const char *chain); /* NF_ACCEPT, NF_DROP, NFT_JUMP, NFT_RETURN */
void nft_dnat(struct nft *nft, const struct address *address, uint16_t port);
void nft_masquerade(struct nft *nft);
void nft_counter(struct nft *nft);

/* One rule of a listing. Strings live only during the call. */
struct nft_rule_info {
    int family;
    const char *table, *chain, *comment; /* comment NULL: none */
    uint64_t handle;
};
typedef int nft_visit(const struct nft_rule_info *rule, void *context);
/*
 * Visits the rules of a table (of all tables of all families where `table` is NULL), of one chain or of all (`chain` NULL). 0, or what the visitor returned, or a negative errno (-ENOENT: no such
 * table or chain). A listing that changes disturbed is begun again: a rule may be visited twice.
 */
int nft_rules(struct nft *nft, int family, const char *table, const char *chain, nft_visit *visit, void *context);

struct nft_chain_info {
    int family;
    const char *table, *name;
    const char *type; /* NULL: it has no hook */
    unsigned hook;
};
typedef int nft_chain_visit(const struct nft_chain_info *chain, void *context);
/* As nft_rules, the chains of all tables. */
int nft_chains(struct nft *nft, nft_chain_visit *visit, void *context);
