#pragma once
#include <netinet/in.h>

#include "network/dns.h"
#include "network/names.h"
#include "network/resolver.h"

#define RESOLVER_ADDRESS "127.0.0.11"
/* How long a server may take before the next is asked, and how often all are asked. */
#define RESOLVER_TIMEOUT_MS 2500
#define RESOLVER_ROUNDS 2
/* Questions under way at one time: a container that floods its name service delays only itself. */
#define RESOLVER_MAX_PENDING 256
#define RESOLVER_MAX_STREAMS 32

struct pending;    /* a question over UDP that a server was asked */
struct tcp_client; /* a connection of the container */

struct resolver {
    struct loop *loop;
    struct network *network;
    struct shared_network *shared; /* NULL: we are in the host's namespace */
    struct names *names; /* one for each interface of the network */
    struct watch udp, tcp;
    struct pending *pending;
    size_t pending_count;
    struct tcp_client *streams;
    size_t stream_count;
};

/* What to do with a query. */
enum resolver_verdict { RESOLVER_IGNORE, RESOLVER_ANSWERED, RESOLVER_FORWARD };
/* ANSWERED: `out` (DNS_MAX_MESSAGE bytes) has an answer of *out_size bytes, at most `limit`. */
enum resolver_verdict resolver_consider(struct resolver *resolver, const unsigned char *query, size_t size, size_t limit, unsigned char *out, size_t *out_size);
/* An answer that says no more than the code; its size. */
size_t resolver_refuse(const unsigned char *query, size_t size, int code, unsigned char *out);

void resolver_udp_ready(struct watch *watch, uint32_t events);
void resolver_pending_close(struct pending *pending);
void resolver_tcp_ready(struct watch *watch, uint32_t events);
void resolver_stream_close(struct tcp_client *client);
