#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * The cgroup hierarchies that the calling process sees mounted: one of v2, any number of v1, or both ("hybrid": v1 controllers and a v2 tree beside them).
 */
struct cgroup_hierarchy {
    bool unified;      /* v2 */
    char *controllers; /* v1: "cpu,cpuacct" or "name=systemd", as /proc/self/cgroup has it; v2: "" */
    char *mountpoint;
    char *root;        /* directory of the hierarchy that is mounted there, "/" without a container around us */
    char *own;         /* the calling process's cgroup, as a path below the mount point, "" for the mount point itself */
};

struct cgroup_hierarchies {
    struct cgroup_hierarchy *items;
    size_t count;
};

/* `own` is the cgroup of process `pid`, 0 for the calling one. */
int cgroup_hierarchies_read(pid_t pid, struct cgroup_hierarchies *out, struct rt_error *err);
void cgroup_hierarchies_free(struct cgroup_hierarchies *list);
#define auto_hierarchies __attribute__((cleanup(cgroup_hierarchies_free)))

/* Whether "cpu" is in "cpu,cpuacct". */
bool cgroup_controller_in(const char *controllers, const char *name);
/* The v1 hierarchy of a controller, NULL where it has none. */
const struct cgroup_hierarchy *cgroup_find_v1(const struct cgroup_hierarchies *list, const char *controller);
const struct cgroup_hierarchy *cgroup_find_v2(const struct cgroup_hierarchies *list);
