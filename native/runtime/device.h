#pragma once
#include "base/error.h"
#include "runtime/mount_point.h"
#include "runtime/spec.h"

/*
 * The devices that every container has and those of the spec, and the usual links in /dev. `bind`: in a user namespace mknod is not allowed, the host's
 * nodes are bound instead.
 */
int devices_make(int rootfd, const struct spec_linux *config, bool bind, struct rt_error *err);

/* For `features` and cgroup rules: path, type and numbers of the default devices; ends with a NULL path. */
struct default_device {
    const char *path;
    unsigned major, minor;
};
extern const struct default_device default_devices[];

/* The host's null device as a detached mount, checked to be 1:3 (CVE-2025-31133). */
int device_null_mount(struct rt_error *err);
