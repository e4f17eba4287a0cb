#pragma once
#include <sys/types.h>

#include "base/error.h"
#include "runtime/spec.h"

/*
 * sd_notify(3) out of a container. A runtime that has NOTIFY_SOCKET in its environment gives the container a socket in a directory of its record, mounted at the path of the host's
 * socket and named by the container's own NOTIFY_SOCKET. Of what arrives only READY=1 is passed on: the rest of the protocol would let a container steer the host's service manager.
 */
struct notify;

/* At create, in the container's own directory. Nothing happens without NOTIFY_SOCKET. */
int notify_prepare(struct spec *spec, const char *state_dir, struct rt_error *err);
/* Before the process runs. *out is NULL where nobody asked, now or at create. */
int notify_open(const char *state_dir, struct notify **out, struct rt_error *err);
/* Readable when notify_pass has something to do. */
int notify_fd(const struct notify *notify);
/* Takes one message; true when it said that the container is ready and this was passed on. */
bool notify_pass(const struct notify *notify);
/* For a runtime that does not stay: until the container is ready, whose process `pid` is then the service's, or has ended. */
void notify_wait(const struct notify *notify, int pidfd, pid_t pid);
void notify_close(struct notify *notify);
