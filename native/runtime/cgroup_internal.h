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
};

struct cgroup {
    enum cgroup_driver driver;
    struct cgroup_place *places;
    size_t count;
    bool adopted;
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
int cgroup_v1_apply(const struct cgroup_limits *limits, struct rt_error *err);
int cgroup_v2_apply(const struct cgroup_limits *limits, struct rt_error *err);
int cgroup_devices_apply(const struct cgroup_limits *limits, struct rt_error *err);
/* Loads the BPF program of the device rules: its descriptor, or -1. */
int cgroup_device_filter(const struct spec_resources *resources, struct rt_error *err);
