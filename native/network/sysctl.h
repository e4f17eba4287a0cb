#pragma once
#include "base/error.h"

/*
 * Network settings of the namespace that the calling process is in. `name` is the path below /proc/sys/net. Setting a value that is set
 * already writes nothing, so a read-only /proc/sys hurts only where a change is needed.
 */
int sysctl_get(const char *name, long *out);
/* 1 changed, 0 it was so, -1 error. */
int sysctl_set(const char *name, long value, struct rt_error *err);

/* IPv4, or IPv6, packets are passed on between interfaces. 1 when that was switched on now. Interfaces that learn IPv6 routes from routers go on doing so. */
int sysctl_forward(int family, struct rt_error *err);
