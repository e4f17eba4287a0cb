#pragma once
#include <net/ethernet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/error.h"

/* An IPv4 or IPv6 address with the length of its prefix (32 or 128 for an address alone). */
struct address {
    int family; /* AF_INET or AF_INET6; 0: none */
    unsigned char bytes[16];
    unsigned char prefix;
};

/* "172.17.0.2", "172.17.0.2/16", "fd00::2/64". `what` names the value in PLAN_INVALID. */
int address_parse(const char *text, const char *what, struct address *out, struct rt_error *err);
/* Without the prefix; `out` has INET6_ADDRSTRLEN bytes. Returns out. */
char *address_text(const struct address *address, char *out);
static inline size_t address_size(const struct address *address)
{
    return address->family == AF_INET ? 4 : 16;
}
bool address_equal(const struct address *a, const struct address *b); /* prefix included */
bool address_is_any(const struct address *address);
/* The network that the address lies in: host bits zero. */
struct address address_network(const struct address *address);
/* Does the network hold the address? */
bool address_contains(const struct address *network, const struct address *address);
socklen_t address_sockaddr(const struct address *address, unsigned port, struct sockaddr_storage *out);
struct address address_from_sockaddr(const struct sockaddr *sockaddr);

/* "02:42:ac:11:00:02"; unicast only. */
int mac_parse(const char *text, unsigned char out[ETH_ALEN], struct rt_error *err);
