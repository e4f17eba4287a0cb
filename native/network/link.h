#pragma once
#include <net/if.h>

#include "network/address.h"
#include "network/netlink.h"

/* rtnetlink: interfaces, addresses and routes of the namespace that `nl` was opened in. Errors are NETWORK_FAILED. */

struct link {
    int index;
    int master; /* index of the bridge it is a port of; 0 for none */
    bool up;
    unsigned char mac[ETH_ALEN];
    char name[IFNAMSIZ];
    char kind[16];    /* "bridge", "veth", … or empty */
    char alias[256];  /* who made it and for whom; see mark.h */
};

/* The link of that name. 1 found, 0 there is none, -1 error. */
int link_find(struct nl *nl, const char *name, struct link *out, struct rt_error *err);

/* Calls `each` for every link; what it returns other than 0 ends the walk and is returned. A walk that changes disturbed is begun again. */
typedef int link_visit(const struct link *link, void *context);
int link_walk(struct nl *nl, link_visit *each, void *context, struct rt_error *err);

/*
 * A bridge that is up, with a fixed MAC address: a bridge otherwise takes the lowest of its ports', and connections break when that port goes.
 * Gives its index. An interface that has the name already stays as it is.
 */
int bridge_create(struct nl *nl, const char *name, const char *alias, unsigned mtu, const unsigned char mac[ETH_ALEN], struct rt_error *err);

struct veth {
    const char *name; /* host side */
    const char *alias;
    int bridge; /* index */
    const char *peer_name;
    const unsigned char *peer_mac; /* ETH_ALEN bytes */
    int peer_netns;                /* descriptor */
    unsigned mtu;
    bool isolated; /* from the other isolated ports of the bridge */
    bool hairpin; /* the bridge may send a packet back where it came from */
};
/* A pair whose host side is a port of the bridge and up, and whose peer is born in the other namespace, down. 0, or 1 when the host side's name is taken. */
int veth_create(struct nl *nl, const struct veth *veth, struct rt_error *err);

/* 0 as well when it is gone already. */
int link_delete(struct nl *nl, const char *name, struct rt_error *err);
int link_delete_index(struct nl *nl, int index, struct rt_error *err);

/* The following append to a buffer that nl_send carries out. */
void link_put_up(struct nl *nl, struct nl_buf *buf, int index);
void link_put_master(struct nl *nl, struct nl_buf *buf, int index, int bridge);
void link_put_alias(struct nl *nl, struct nl_buf *buf, const char *name, const char *alias);
/* Without duplicate address detection: the pool gives each address once, and a tentative address refuses connections for a second. Adding it again is no error. */
void link_put_address(struct nl *nl, struct nl_buf *buf, int index, const struct address *address);
/* `destination` NULL: the default route. `gateway` NULL: on the link. A route to the same destination is replaced. */
void link_put_route(struct nl *nl, struct nl_buf *buf, int index, const struct address *destination, const struct address *gateway);
void link_put_route_delete(struct nl *nl, struct nl_buf *buf, int index, const struct address *destination, const struct address *gateway);
