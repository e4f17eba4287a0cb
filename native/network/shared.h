#pragma once
#include "base/loop.h"
#include "base/plan.h"

/*
 * The network of an unprivileged user: one network namespace for all containers of a store that are on bridges, in one user namespace, because who makes
 * bridges and rules must have rights over both. A holder (shared_holder.h) makes it, keeps a program beside it that carries the host's network in
 * (user_network.h), and ends with the last member. Members are the containers' monitors: they move into both namespaces for good; what they need of the host's, sockets for
 * published ports and for the questions of the name service, the holder opens for them.
 *
 * The directory: `lock` is held by the holder, `members/ID` by each member, `holder.sock` is where they meet. A holder that was killed leaves the members with the
 * namespaces; the next one gets them back from the first that finds its socket.
 */
struct shared_network;

/* Sees to it that a holder lives, and that it waits for somebody to join. `program` as in user_network.h. Errors: FEATURE_MISSING, NETWORK_FAILED. */
int shared_hold(const struct plan *plan, const char *directory, const char *program, struct rt_error *err);

/* Moves the process into the namespaces, as root there, with a mount namespace of its own, and makes it a member. NETWORK_FAILED when nobody holds the network. */
int shared_join(const char *directory, const char *id, struct loop *loop, struct shared_network **out, struct rt_error *err);
void shared_leave(struct shared_network **network);
/* As join, for a process that only looks after things: 1 it is inside, 0 there is no such network. */
int shared_visit(const char *directory, struct rt_error *err);

/* As socket(2) in the host's network namespace; `network` NULL: in our own. */
int shared_socket(struct shared_network *network, int domain, int type, int protocol);
/* A process that is in the host's network namespace; 0: we are. */
pid_t shared_witness(const struct shared_network *network);
