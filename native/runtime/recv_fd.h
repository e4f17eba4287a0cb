#pragma once
#include "base/error.h"

/* A stream socket at `path` that one descriptor is sent to (the console socket of OCI runtimes). */
int recv_fd_listen(const char *path, struct rt_error *err);
/* The descriptor of the first client; waits for it at most ten seconds. */
int recv_fd_accept(int listener, struct rt_error *err);
