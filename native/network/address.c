#include "network/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"

int address_parse(const char *text, const char *what, struct address *out, struct rt_error *err)
{
    char host[INET6_ADDRSTRLEN + 1] = "";
    const char *slash = strchr(text, '/');
    size_t size = slash ? (size_t)(slash - text) : strlen(text);
    struct address a = { 0 };
    if (size < sizeof host) {
        memcpy(host, text, size);
        if (inet_pton(AF_INET, host, a.bytes) == 1)
            a.family = AF_INET;
        else if (inet_pton(AF_INET6, host, a.bytes) == 1)
            a.family = AF_INET6;
    }
    int64_t bits = a.family == AF_INET ? 32 : 128, prefix = bits;
    if (a.family == 0 || (slash && !parse_i64(slash + 1, 0, bits, &prefix)))
        return rt_fail(err, "PLAN_INVALID", 0, "", "%s: '%s' is not an IP address", what, text);
    a.prefix = (unsigned char)prefix;
    *out = a;
    return 0;
}

char *address_text(const struct address *address, char *out)
{
    if (!inet_ntop(address->family, address->bytes, out, INET6_ADDRSTRLEN))
        out[0] = '\0';
    return out;
}

bool address_equal(const struct address *a, const struct address *b)
{
    return a->family == b->family && a->prefix == b->prefix && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool address_is_any(const struct address *address)
{
    static const unsigned char zero[16];
    return memcmp(address->bytes, zero, sizeof zero) == 0;
}

struct address address_network(const struct address *address)
{
    struct address network = *address;
    for (size_t i = 0; i < address_size(address); i++) {
        int kept = address->prefix - (int)i * 8;
        unsigned mask = kept >= 8 ? 0xff : kept <= 0 ? 0 : (0xff00u >> kept) & 0xff;
        network.bytes[i] = (unsigned char)(network.bytes[i] & mask);
    }
    return network;
}

bool address_contains(const struct address *network, const struct address *address)
{
    struct address a = *address;
    a.prefix = network->prefix;
    struct address left = address_network(network), right = address_network(&a);
    return address_equal(&left, &right);
}

socklen_t address_sockaddr(const struct address *address, unsigned port, struct sockaddr_storage *out)
{
    *out = (struct sockaddr_storage){ 0 };
    if (address->family == AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)out;
        in->sin_family = AF_INET;
        in->sin_port = htons((uint16_t)port);
        memcpy(&in->sin_addr, address->bytes, 4);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons((uint16_t)port);
    memcpy(&in6->sin6_addr, address->bytes, 16);
    return sizeof *in6;
}

struct address address_from_sockaddr(const struct sockaddr *sockaddr)
{
    struct address a = { .family = sockaddr->sa_family };
    if (a.family == AF_INET) {
        memcpy(a.bytes, &((const struct sockaddr_in *)(const void *)sockaddr)->sin_addr, 4);
        a.prefix = 32;
    } else if (a.family == AF_INET6) {
        memcpy(a.bytes, &((const struct sockaddr_in6 *)(const void *)sockaddr)->sin6_addr, 16);
        a.prefix = 128;
    }
    return a;
}

int mac_parse(const char *text, unsigned char out[ETH_ALEN], struct rt_error *err)
{
    unsigned b[ETH_ALEN];
    int used = 0;
    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &used) != ETH_ALEN || text[used] != '\0' || (b[0] & 1) != 0)
        return rt_fail(err, "PLAN_INVALID", 0, "", "'%s' is not a unicast MAC address", text);
    for (int i = 0; i < ETH_ALEN; i++)
        out[i] = (unsigned char)b[i];
    return 0;
}
