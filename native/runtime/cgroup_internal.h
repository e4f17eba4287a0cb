#pragma once
#include "runtime/cgroup.h"
#include "runtime/cgroup_hierarchy.h"

/* Shared by the files cgroup*.c. */

/* The container's directory in one hierarchy. */
struct cgroup_place {
    bool unified;
    char *controllers;
    char *directory;  /* absolute, in the file system */
    char *mountpoint; /* of the hierarchy: directories up to here are not ours */
    int fd;
    bool made; /* by us, now */
    bool foreign; /* somebody else's: it stays when the container goes */
};

struct cgroup {
    struct cgroup_place *places;
    size_t count;
    bool adopted;
    char *unit;   /* systemd's scope, whose directory it is; NULL under the driver cgroupfs */
    bool of_user; /* the unit belongs to the user's manager */
    pid_t holder; /* keeps the scope alive until the container's own process is in it; 0: none */
    int device_filter; /* loaded ahead, to see whether v1's device controller can be done without; -1 */
};

/* NULL where the controller has no hierarchy of v1, or the v2 place does not offer it. */
const struct cgroup_place *cgroup_place_v1(const struct cgroup *cgroup, const char *controller);
const struct cgroup_place *cgroup_place_v2(const struct cgroup *cgroup);

struct cgroup_limits {
    const struct cgroup *cgroup;
    const struct spec_resources *resources;
    cgroup_warn *warn;
    void *context;
};
/* What v1 counts as shares and from 10 to 1000, in the weights of v2. */
uint64_t cgroup_cpu_weight(uint64_t shares);
uint64_t cgroup_io_weight(uint64_t weight);

/* Root of a user namespace has no more rights on the host's cgroups than the user who made it. */
bool cgroup_is_host_root(void);

/* cgroup_systemd.c: has the scope made, and gives its path in the hierarchies. */
char *cgroup_make_scope(struct cgroup *cgroup, const struct cgroup_request *request, struct rt_error *err);
void cgroup_release_scope(struct cgroup *cgroup);

int cgroup_v1_apply(const struct cgroup_limits *limits, struct rt_error *err);
int cgroup_v2_apply(const struct cgroup_limits *limits, struct rt_error *err);
int cgroup_devices_apply(const struct cgroup_limits *limits, struct rt_error *err);
/* Loads the BPF program of the device rules: its descriptor, or -1. */
int cgroup_device_filter(const struct spec_resources *resources, struct rt_error *err);
