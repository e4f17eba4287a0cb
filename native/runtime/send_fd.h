#pragma once
#include <stddef.h>

#include "base/error.h"

/* Connects to the stream socket at `path` and sends one descriptor with `data`. `what` names it in errors. */
int send_fd(const char *path, int fd, const void *data, size_t size, const char *what, struct rt_error *err);
