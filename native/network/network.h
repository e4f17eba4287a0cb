#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * The network of one container or sandbox, from the plan's `network` member (docs/native-core.md) to what is attached in the kernel.
 *
 *     network_parse → network_configure → (container created, its init waits) → network_attach → (start, poll network_fd) → network_detach
 */
struct network;       /* what the plan asks for */
struct network_lease; /* what is attached; owned by the process that attached it */
struct shared_network;

enum network_mode { NETWORK_NONE, NETWORK_HOST, NETWORK_PATH, NETWORK_BRIDGE, NETWORK_USER };

/* Checks the whole of `value`; the result keeps no reference to it. Errors: PLAN_INVALID. */
int network_parse(const json_t *value, struct network **out, struct rt_error *err);
void network_free(struct network **network);
/* Another reference to the same value, which never changes; each is given back by network_free. */
struct network *network_keep(const struct network *network);
/* The directory of the network that an unprivileged user's containers share (shared.h), which the process joins before it attaches; or NULL. */
const char *network_shared(const struct network *network);
enum network_mode network_mode(const struct network *network);

/*
 * Makes linux.namespaces of an OCI runtime config agree with the mode: no entry for host, an entry with the path for `path`, a new
 * namespace for the others.
 */
int network_configure(const struct network *network, json_t *config, struct rt_error *err);

/* Brings `lo` up in the network namespace of the calling process. */
int network_loopback_up(struct rt_error *err);

/*
 * Attaches the network namespace of `pid`: addresses, routes, published ports, name service. The process must exist and its program should not
 * have been started yet. `id` names the container. `run_dir` is the folder whose monitor.lock the caller holds while it lives: what is
 * attached is marked with it, so that `network sweep` finds what a killed monitor left; NULL for a sandbox, which may publish no ports
 * and whose interfaces vanish with its namespace. On failure nothing is left attached.
 * Errors: NETWORK_FAILED, PORT_TAKEN (with the holder where it can be found), FEATURE_MISSING.
 */
int network_attach(const struct network *network, const char *id, const char *run_dir, struct shared_network *shared, pid_t pid, struct network_lease **out,
                   struct rt_error *err);

/* Makes what is attached agree with another plan, live: interfaces and ports that are the same stay untouched. On failure the old state is kept. */
int network_update(struct network_lease *lease, const struct network *network, struct rt_error *err);

/* Puts right what others did to this lease in the kernel: rules that were flushed, a bridge or an interface that was removed. Idempotent. */
int network_reload(struct network_lease *lease, struct rt_error *err);

/* The host did not pass on packets before this lease was attached: it now does, and the user should know. */
bool network_forwarding_switched(const struct network_lease *lease);

/*
 * A lease may have work of its own: name service for the container, relaying of connections that the kernel cannot translate. The
 * descriptor becomes readable when there is some (an epoll descriptor; -1 for a lease without): call network_serve then. Never blocks.
 */
int network_fd(const struct network_lease *lease);
void network_serve(struct network_lease *lease);

/*
 * The end comes in two steps, and none of it can fail in a way that a caller could act on.
 *
 * network_withdraw: rules, names and sockets are gone when it returns; under a millisecond. Idempotent.
 * network_detach: that as well, and the lease is freed. The interfaces go with the namespace, which the kernel takes apart in its own time once
 * the last process has left it. After ports were withdrawn the kernel holds the caller for some ten milliseconds.
 * network_detach_clean: as network_detach, and waits until the interfaces are gone, then removes bridges that were left without a member. Tens of milliseconds:
 * for a process that nobody waits for.
 *
 * `lease` may point to NULL.
 */
void network_withdraw(struct network_lease *lease);
void network_detach(struct network_lease **lease);
void network_detach_clean(struct network_lease **lease);
