#include "network/rules.h"

#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "network/foreign.h"
#include "network/iptables.h"
#include "network/mark.h"

#define TABLE "tsbuild"
#define FRAME "tsbuild"
#define BRIDGE MARK_BRIDGE " "
#define CONTAINER MARK_CONTAINER

static const struct {
    const char *name;
    struct nft_hook hook;
} chains[] = {
    { "guard", { "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW } },
    { "prerouting", { "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST } },
    { "output", { "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST } },
    { "forward", { "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER } },
    { "postrouting", { "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC } },
};

/* Rules found in a listing, to be deleted. */
struct found {
    int family;
    char table[NFT_NAME_MAXLEN], chain[NFT_NAME_MAXLEN];
    uint64_t handle;
};

struct search {
    const char *comment;  /* exactly this one, or */
    rules_dead *dead;     /* a container's that this calls dead */
    void *context;
    struct found *found;
    size_t count, capacity;
    size_t others; /* rules of the same kind that did not match */
};

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int collect(const struct nft_rule_info *rule, void *context)
{
    struct search *s = context;
    if (!rule->comment)
        return 0;
    bool hit = s->comment ? strcmp(rule->comment, s->comment) == 0
                          : has_prefix(rule->comment, CONTAINER) && s->dead(rule->comment + strlen(CONTAINER), s->context);
    if (!hit) {
        s->others += has_prefix(rule->comment, BRIDGE) ? 1 : 0;
        return 0;
    }
    for (size_t i = 0; i < s->count; i++)
        if (s->found[i].handle == rule->handle && s->found[i].family == rule->family)
            return 0; /* a listing that was begun again shows a rule twice */
    if (s->count == s->capacity) {
        size_t capacity = s->capacity ? s->capacity * 2 : 16;
        struct found *bigger = reallocarray(s->found, capacity, sizeof *bigger);
        if (!bigger)
            return -ENOMEM;
        s->found = bigger;
        s->capacity = capacity;
    }
    struct found *f = &s->found[s->count++];
    *f = (struct found){ .family = rule->family, .handle = rule->handle };
    strncpy(f->table, rule->table, sizeof f->table - 1);
    strncpy(f->chain, rule->chain, sizeof f->chain - 1);
    return 0;
}

static void search_clear(struct search *s)
{
    free(s->found);
}
#define auto_search __attribute__((cleanup(search_clear)))

/*
 * Rules of our table into the search, of one chain where one is named: a start should not read what all the others have published. A table that
 * is not there holds none.
 */
static int search_table(struct nft *nft, const char *chain, struct search *s, struct rt_error *err)
{
    int result = nft_rules(nft, NFPROTO_INET, TABLE, chain, collect, s);
    if (result == 0 || result == -ENOENT)
        return 0;
    return rt_fail(err, result == -EOPNOTSUPP || result == -EINVAL ? "FEATURE_MISSING" : "NETWORK_FAILED", -result, "netlink",
                   "cannot list the rules of the nftables table '%s'", TABLE);
}

/* Rules of every table: what stands in the chains of others, too. */
static int search_all(struct nft *nft, struct search *s, struct rt_error *err)
{
    int result = nft_rules(nft, NFPROTO_UNSPEC, NULL, NULL, collect, s);
    if (result == 0)
        return 0;
    return rt_fail(err, result == -EOPNOTSUPP || result == -EINVAL ? "FEATURE_MISSING" : "NETWORK_FAILED", -result, "netlink", "cannot list the nftables rules");
}

static void put_deletions(struct nft *nft, const struct search *s)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct found *f = &s->found[i];
        nft_rule_delete(nft, f->family, f->table, f->chain, f->handle);
    }
}

static struct nft_rule rule(struct nft *nft, const char *chain, const char *comment)
{
    return nft_rule(nft, NFPROTO_INET, TABLE, chain, NFT_LAST, comment);
}

static void end(struct nft *nft, struct nft_rule r, int verdict)
{
    nft_verdict(nft, verdict, NULL);
    nft_rule_end(nft, r);
}

/* The table and its chains, and where they are new the rules that lead into `publish`. */
static void put_frame(struct nft *nft, bool is_new)
{
    nft_table(nft, NFPROTO_INET, TABLE);
    nft_chain(nft, NFPROTO_INET, TABLE, "publish", NULL);
    for (size_t i = 0; i < ARRAY_LEN(chains); i++)
        nft_chain(nft, NFPROTO_INET, TABLE, chains[i].name, &chains[i].hook);
    if (!is_new)
        return;
    /* ::1 as a source leaves by no other interface, whatever the destination becomes: such connections go to the relay. */
    static const struct address loopback = { .family = AF_INET6, .bytes = { [15] = 1 }, .prefix = 128 };
    struct nft_rule local = rule(nft, "output", FRAME);
    nft_match_destination(nft, &loopback);
    end(nft, local, NF_ACCEPT);
    for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
        if (strcmp(chains[i].hook.type, "nat") != 0 || chains[i].hook.hook == NF_INET_POST_ROUTING)
            continue;
        struct nft_rule r = rule(nft, chains[i].name, FRAME);
        nft_match_local(nft);
        nft_verdict(nft, NFT_JUMP, "publish");
        nft_rule_end(nft, r);
    }
}

/*
 * Only what comes back, what a published port lets in and what stays on the bridge may enter it. The verdict accept ends this chain alone.
 */
static void put_forward(struct nft *nft, const struct bridge *bridge, const char *comment)
{
    struct nft_rule r;
    if (bridge->internal) {
        r = nft_rule(nft, NFPROTO_INET, TABLE, "forward", NFT_FIRST, comment);
        nft_match_iif(nft, bridge->name, true);
        nft_match_oif(nft, bridge->name, false);
        end(nft, r, NF_DROP);
    }
    if (!bridge->isolated) {
        r = rule(nft, "forward", comment);
        nft_match_oif(nft, bridge->name, true);
        nft_match_iif(nft, bridge->name, true);
        end(nft, r, NF_ACCEPT);
    }
    r = rule(nft, "forward", comment);
    nft_match_oif(nft, bridge->name, true);
    nft_match_established(nft);
    end(nft, r, NF_ACCEPT);
    if (!bridge->internal) {
        r = rule(nft, "forward", comment);
        nft_match_oif(nft, bridge->name, true);
        nft_match_translated(nft);
        end(nft, r, NF_ACCEPT);
    }
    r = rule(nft, "forward", comment);
    nft_match_oif(nft, bridge->name, true);
    end(nft, r, NF_DROP);
}

static void put_masquerade(struct nft *nft, const struct bridge *bridge, const char *comment)
{
    struct nft_rule r;
    for (size_t i = 0; i < bridge->address_count; i++) {
        const struct address *network = &bridge->addresses[i];
        if (bridge->masquerade && !bridge->internal) {
            r = rule(nft, "postrouting", comment);
            nft_match_source(nft, network);
            nft_match_oif(nft, bridge->name, false);
            nft_masquerade(nft);
            nft_rule_end(nft, r);
        }
        /* A container that reaches its neighbour through a published port must get the answer from the address it asked. */
        r = rule(nft, "postrouting", comment);
        nft_match_oif(nft, bridge->name, true);
        nft_match_source(nft, network);
        nft_match_translated(nft);
        nft_masquerade(nft);
        nft_rule_end(nft, r);
    }
    /* 127.0.0.1 as a source has no way back from the container. */
    static const struct address loopback = { .family = AF_INET, .bytes = { 127 }, .prefix = 8 };
    r = rule(nft, "postrouting", comment);
    nft_match_oif(nft, bridge->name, true);
    nft_match_source(nft, &loopback);
    nft_masquerade(nft);
    nft_rule_end(nft, r);
    /* route_localnet on the bridge would let containers reach what the host serves on 127.0.0.1 (CVE-2020-8558). */
    r = rule(nft, "guard", comment);
    nft_match_iif(nft, bridge->name, true);
    nft_match_destination(nft, &loopback);
    end(nft, r, NF_DROP);
}

static int refused(int result, const char *reason, const char *what, struct rt_error *err)
{
    bool missing = result == -ENOENT || result == -EOPNOTSUPP || result == -EINVAL || result == -EPROTONOSUPPORT;
    return rt_fail(err, missing ? "FEATURE_MISSING" : "NETWORK_FAILED", -result, "netlink", "cannot write the nftables rules of %s%s%s", what,
                   reason[0] ? ": " : "", reason);
}

/* Deleting what somebody else deleted meanwhile fails the transaction: look again. */
#define TRIES 20

static bool frame_present(struct nft *nft, struct rt_error *err)
{
    auto_search struct search s = { .comment = FRAME };
    return search_table(nft, "output", &s, err) == 0 && s.count > 0;
}

int rules_bridge(struct nft *nft, const struct bridge *bridge, struct rt_error *err)
{
    char comment[sizeof BRIDGE + IFNAMSIZ], reason[128] = "";
    int result = -ENOENT;
    if (nft->absent)
        return iptables_bridge(bridge, err);
    stpcpy(stpcpy(comment, BRIDGE), bridge->name);
    for (int tries = 0; result == -ENOENT && tries < TRIES; tries++) {
        auto_search struct search s = { .comment = comment };
        auto_foreign struct foreign foreign = { 0 };
        bool frame = frame_present(nft, err);
        if (search_all(nft, &s, err) < 0)
            return -1;
        foreign_list(nft, bridge->open, &foreign);
        nft_begin(nft);
        put_deletions(nft, &s);
        put_frame(nft, !frame);
        put_forward(nft, bridge, comment);
        put_masquerade(nft, bridge, comment);
        foreign_put_accept(nft, &foreign, bridge->name, comment);
        result = nft_commit(nft, reason);
    }
    return result == 0 ? 0 : refused(result, reason, bridge->name, err);
}

bool rules_bridge_present(struct nft *nft, const struct bridge *bridge)
{
    char comment[sizeof BRIDGE + IFNAMSIZ];
    struct rt_error ignored = { 0 };
    if (nft->absent)
        return iptables_bridge_present(bridge);
    stpcpy(stpcpy(comment, BRIDGE), bridge->name);
    auto_search struct search own = { .comment = comment };
    auto_foreign struct foreign foreign = { 0 };
    if (search_table(nft, "forward", &own, &ignored) < 0 || own.count == 0 || !frame_present(nft, &ignored) || foreign_list(nft, bridge->open, &foreign) < 0)
        return false;
    for (size_t i = 0; i < foreign.count; i++) {
        const struct foreign_chain *f = &foreign.chains[i];
        auto_search struct search there = { .comment = comment };
        if (nft_rules(nft, f->family, f->table, f->chain, collect, &there) == 0 && there.count == 0)
            return false;
    }
    return true;
}

int rules_bridge_remove(struct nft *nft, const char *name, struct rt_error *err)
{
    char comment[sizeof BRIDGE + IFNAMSIZ], reason[128] = "";
    int result = -ENOENT;
    if (nft->absent)
        return iptables_bridge_remove(name, err);
    stpcpy(stpcpy(comment, BRIDGE), name);
    for (int tries = 0; result == -ENOENT && tries < TRIES; tries++) {
        auto_search struct search own = { .comment = comment }, all = { .comment = comment };
        if (search_table(nft, NULL, &own, err) < 0 || search_all(nft, &all, err) < 0)
            return -1;
        nft_begin(nft);
        put_deletions(nft, &all);
        if (own.others == 0 && own.count > 0)
            nft_table_delete(nft, NFPROTO_INET, TABLE);
        result = nft_commit(nft, reason);
    }
    return result == 0 ? 0 : refused(result, reason, name, err);
}

static void put_port(struct nft *nft, const struct port *port, const char *comment)
{
    /* Another family on the host's side: the kernel cannot translate, the relay of the holder does. */
    if (port->host_address.family != port->address.family)
        return;
    struct nft_rule r = rule(nft, "publish", comment);
    if (address_is_any(&port->host_address))
        nft_match_family(nft, port->host_address.family);
    else
        nft_match_destination(nft, &port->host_address);
    nft_match_port(nft, (uint8_t)port->protocol, port->host_port);
    nft_dnat(nft, &port->address, port->port);
    nft_rule_end(nft, r);
}

int rules_publish(struct nft *nft, const char *run_dir, const struct port *ports, size_t count, struct rt_error *err)
{
    auto_free char *comment = rt_printf(err, CONTAINER "%s", run_dir);
    char reason[128] = "";
    int result = -ENOENT;
    if (!comment)
        return -1;
    if (nft->absent)
        return iptables_publish(run_dir, ports, count, err);
    for (int tries = 0; result == -ENOENT && tries < TRIES; tries++) {
        auto_search struct search s = { .comment = comment };
        if (search_table(nft, "publish", &s, err) < 0)
            return -1;
        if (s.count == 0 && count == 0)
            return 0;
        nft_begin(nft);
        put_deletions(nft, &s);
        for (size_t i = 0; i < count; i++)
            put_port(nft, &ports[i], comment);
        result = nft_commit(nft, reason);
    }
    return result == 0 ? 0 : refused(result, reason, "the published ports", err);
}

int rules_sweep(struct nft *nft, rules_dead *dead, void *context, struct rt_error *err)
{
    char reason[128] = "";
    int result = -ENOENT;
    if (nft->absent)
        return iptables_sweep(dead, context, err);
    for (int tries = 0; result == -ENOENT && tries < TRIES; tries++) {
        auto_search struct search s = { .dead = dead, .context = context };
        if (search_table(nft, "publish", &s, err) < 0)
            return -1;
        if (s.count == 0)
            return 0;
        nft_begin(nft);
        put_deletions(nft, &s);
        result = nft_commit(nft, reason);
        if (result == 0)
            return (int)s.count;
    }
    return refused(result, reason, "dead containers", err);
}
