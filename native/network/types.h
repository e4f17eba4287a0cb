#pragma once
#include <net/if.h>

#include "network/address.h"
#include "network/network.h"

/* The parsed `network` member of a plan; docs/native-core.md describes each member. */

struct bridge {
    char name[IFNAMSIZ];
    struct address *addresses; /* of the host on the bridge, with the prefix of the network */
    size_t address_count;
    unsigned mtu; /* 0: the kernel's */
    bool internal, masquerade;
    bool isolated; /* its ports do not reach each other */
    bool open;     /* the host's firewall lets pass what goes to it and comes from it */
};

struct route {
    struct address destination, gateway; /* gateway.family 0: on the link */
};

struct interface {
    char name[IFNAMSIZ];
    struct bridge bridge;
    struct address *addresses;
    size_t address_count;
    unsigned char mac[ETH_ALEN];
    struct address *gateways; /* default routes, at most one of each family */
    size_t gateway_count;
    struct route *routes;
    size_t route_count;
    char *names_dir; /* NULL: the container is not known by name on this network */
    char **names;
    size_t name_count;
};

struct port {
    int protocol; /* IPPROTO_TCP, IPPROTO_UDP or IPPROTO_SCTP */
    struct address host_address;
    uint16_t host_port;
    struct address address; /* of the container */
    uint16_t port;
};

struct name_service {
    struct address *servers; /* asked in order, from the host's namespace; none: names outside are unknown */
    size_t server_count;
};

/* Immutable after network_parse, so that it is shared by counting. */
struct network {
    unsigned references;
    enum network_mode mode;
    char *path;
    struct interface *interfaces;
    size_t interface_count;
    struct port *ports;
    size_t port_count;
    bool has_name_service;
    struct name_service name_service;
    char *shared;  /* mode `bridge` of an unprivileged user: the directory of shared.h; else NULL */
    char *program; /* mode `user`; NULL: what is installed */
};

/* A bridge alone, for the verb `network`. */
int bridge_parse(const json_t *value, struct bridge *out, struct rt_error *err);
void bridge_clear(struct bridge *bridge);

const char *protocol_name(int protocol);
bool port_equal(const struct port *a, const struct port *b);
bool interface_equal(const struct interface *a, const struct interface *b);
