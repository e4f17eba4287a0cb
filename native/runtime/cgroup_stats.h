#pragma once
#include <jansson.h>

#include "runtime/cgroup.h"

/* The figures of a cgroup in the shape of runc's `events --stats`: cpu, memory, pids, blkio, hugetlb. What the kernel does not tell is 0 or absent. */
json_t *cgroup_stats(const struct cgroup *cgroup);
/* How often the kernel has killed for want of memory. */
uint64_t cgroup_oom_kills(const struct cgroup *cgroup);
