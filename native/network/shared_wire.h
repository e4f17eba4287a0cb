#pragma once
#include <stdint.h>

#include "base/error.h"

/*
 * What is said over the socket of a shared network (shared.h): one request, one answer, in packets; namespaces and sockets go along as descriptors.
 */
enum shared_op {
    SHARED_CLAIM,  /* keep the network for one who is about to join */
    SHARED_JOIN,   /* answer: user namespace, network namespace */
    SHARED_VISIT,  /* as join, for one who is no member */
    SHARED_REJOIN, /* a member of an earlier holder hands over its namespaces, as `join` would give them */
    SHARED_SOCKET, /* answer: a socket of the host's namespace */
};

struct shared_request {
    int32_t op;
    int32_t domain, type, protocol; /* `socket` */
};

enum { SHARED_FDS = 2 };
#define SHARED_SOCKET_NAME "holder.sock"

/* One packet with up to SHARED_FDS descriptors; -1 and errno. */
int shared_send(int socket, const void *data, size_t size, const int *fds, size_t count);
/* The size of the packet, 0 at the end, -1 and errno. Descriptors that do not come are -1. */
long shared_receive(int socket, void *data, size_t size, int fds[SHARED_FDS]);

/* A socket for the directory's name: bound and listening, or connected. -1 and errno. */
int shared_listen(int directory);
int shared_connect(int directory);
