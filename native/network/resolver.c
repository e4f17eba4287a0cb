#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "network/netns.h"
#include "network/nft.h"
#include "network/resolver_internal.h"

#define TABLE "tsbuild"
#define COMMENT "tsbuild name service"

size_t resolver_refuse(const unsigned char *query, size_t size, int code, unsigned char *out)
{
    struct dns_question question;
    if (dns_parse_question(query, size, &question) < 0)
        return 0;
    return dns_write_answer(query, &question, &(struct dns_answer){ .code = code }, out, DNS_MAX_MESSAGE);
}

static void collect(struct resolver *resolver, const char *name, struct address **addresses, size_t *count, bool *found)
{
    for (size_t i = 0; i < resolver->network->interface_count; i++) {
        const char *dir = resolver->network->interfaces[i].names_dir;
        if (!dir)
            continue;
        names_refresh(&resolver->names[i], dir);
        *found |= names_find(&resolver->names[i], name, addresses, count);
    }
}

static bool find_pointer(struct resolver *resolver, const char *name, char *out, size_t size)
{
    struct address address;
    if (!dns_reverse_name(name, &address))
        return false;
    for (size_t i = 0; i < resolver->network->interface_count; i++) {
        const char *dir = resolver->network->interfaces[i].names_dir;
        if (!dir)
            continue;
        names_refresh(&resolver->names[i], dir);
        if (names_find_address(&resolver->names[i], &address, out, size))
            return true;
    }
    return false;
}

/* Containers that share a name take turns at the first place. */
static void rotate(struct address *addresses, size_t count, unsigned by)
{
    if (count < 2)
        return;
    for (by %= (unsigned)count; by > 0; by--) {
        struct address first = addresses[0];
        memmove(addresses, addresses + 1, (count - 1) * sizeof *addresses);
        addresses[count - 1] = first;
    }
}

enum resolver_verdict resolver_consider(struct resolver *resolver, const unsigned char *query, size_t size, size_t limit, unsigned char *out, size_t *out_size)
{
    struct dns_question question;
    int code = dns_parse_question(query, size, &question);
    if (code < 0)
        return RESOLVER_IGNORE;
    struct dns_answer answer = { .code = code };
    auto_free struct address *addresses = NULL;
    size_t count = 0;
    bool found = false;
    char pointer[DNS_MAX_NAME];
    if (code == DNS_NOERROR) {
        if (limit == 0)
            limit = dns_udp_limit(query, size, &question);
        collect(resolver, question.name, &addresses, &count, &found);
        if (question.type == DNS_PTR && find_pointer(resolver, question.name, pointer, sizeof pointer)) {
            found = true;
            answer.pointer = pointer;
        }
        if (!found && resolver->network->name_service.server_count > 0)
            return RESOLVER_FORWARD;
        answer.code = found ? DNS_NOERROR : DNS_NXDOMAIN;
        rotate(addresses, count, (unsigned)query[1]); /* the query's id is random */
        answer.addresses = addresses;
        answer.address_count = count;
    }
    *out_size = dns_write_answer(query, &question, &answer, out, limit > size ? limit : size);
    return RESOLVER_ANSWERED;
}

static int listen_on(int type, uint16_t wanted, struct watch *watch, uint16_t *port, struct rt_error *err)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(wanted), .sin_addr.s_addr = htonl(0x7f00000b) }; /* RESOLVER_ADDRESS */
    socklen_t size = sizeof address;
    auto_close int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 || (type == SOCK_STREAM && listen(fd, 16) < 0) ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return rt_fail(err, "NETWORK_FAILED", errno, "bind", "cannot open the container's name service");
    *port = ntohs(address.sin_port);
    watch->fd = take_fd(&fd);
    return 0;
}

/* Port 53 of the service's address leads to the two sockets, in the namespace that the process is in. */
static int translate(struct nft *nft, uint16_t udp, uint16_t tcp, struct rt_error *err)
{
    struct address address = { .family = AF_INET, .bytes = { 127, 0, 0, 11 }, .prefix = 32 };
    const struct nft_hook hook = { .type = "nat", .hook = NF_INET_LOCAL_OUT, .priority = -100 };
    nft_begin(nft);
    /* What an earlier service left leads to its sockets. */
    nft_table(nft, NFPROTO_INET, TABLE);
    nft_table_delete(nft, NFPROTO_INET, TABLE);
    nft_table(nft, NFPROTO_INET, TABLE);
    nft_chain(nft, NFPROTO_INET, TABLE, "output", &hook);
    for (int i = 0; i < 2; i++) {
        struct nft_rule rule = nft_rule(nft, NFPROTO_INET, TABLE, "output", NFT_LAST, COMMENT);
        nft_match_destination(nft, &address);
        nft_match_port(nft, i ? IPPROTO_TCP : IPPROTO_UDP, 53);
        nft_dnat(nft, &address, i ? tcp : udp);
        nft_rule_end(nft, rule);
    }
    char reason[128];
    int result = nft_commit(nft, reason);
    return result == 0 ? 0 : rt_fail(err, "FEATURE_MISSING", -result, "netlink", "cannot lead port 53 to the container's name service");
}

int resolver_open(const struct network *network, int netns, struct shared_network *shared, struct loop *loop, struct resolver **out, struct rt_error *err)
{
    struct resolver *resolver = calloc(1, sizeof *resolver);
    if (!resolver)
        return rt_nomem(err);
    *resolver = (struct resolver){ .loop = loop, .shared = shared, .udp = { .fd = -1, .ready = resolver_udp_ready }, .tcp = { .fd = -1, .ready = resolver_tcp_ready } };
    resolver_update(resolver, network);
    uint16_t udp, tcp;
    int result = -1;
    {
        auto_visit struct netns_visit visit = { .home = -1 };
        auto_nft struct nft nft = { .nl.fd = -1 };
        /* Without a translation the service takes port 53 of its address for itself. */
        if (netns_enter(netns, &visit, err) == 0 && nft_open(&nft, err) == 0 && listen_on(SOCK_DGRAM, nft.absent ? 53 : 0, &resolver->udp, &udp, err) == 0 &&
            listen_on(SOCK_STREAM, nft.absent ? 53 : 0, &resolver->tcp, &tcp, err) == 0)
            result = nft.absent ? 0 : translate(&nft, udp, tcp, err);
    }
    if (result == 0 && (!resolver->names || loop_watch(loop, &resolver->udp, EPOLLIN, err) < 0 || loop_watch(loop, &resolver->tcp, EPOLLIN, err) < 0))
        result = resolver->names ? -1 : rt_nomem(err);
    if (result < 0)
        resolver_close(&resolver);
    *out = resolver;
    return result;
}

static void drop_names(struct resolver *resolver)
{
    for (size_t i = 0; resolver->names && i < resolver->network->interface_count; i++)
        names_clear(&resolver->names[i]);
    free(resolver->names);
    resolver->names = NULL;
}

void resolver_update(struct resolver *resolver, const struct network *network)
{
    struct names *names = calloc(network->interface_count + 1, sizeof *names);
    if (!names && resolver->network)
        return; /* out of memory: the networks of before, rather than none */
    struct network *kept = network_keep(network);
    drop_names(resolver);
    network_free(&resolver->network);
    resolver->network = kept;
    resolver->names = names;
}

void resolver_close(struct resolver **resolver)
{
    struct resolver *r = *resolver;
    if (!r)
        return;
    while (r->pending)
        resolver_pending_close(r->pending);
    while (r->streams)
        resolver_stream_close(r->streams);
    loop_unwatch(r->loop, &r->udp);
    loop_unwatch(r->loop, &r->tcp);
    util_close(&r->udp.fd);
    util_close(&r->tcp.fd);
    drop_names(r);
    network_free(&r->network);
    free(r);
    *resolver = NULL;
}
