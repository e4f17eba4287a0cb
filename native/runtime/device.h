#pragma once
#include "base/error.h"
#include "runtime/mount_point.h"
#include "runtime/spec.h"

/*
 * The devices that every container has and those of the spec, and the usual links in /dev. `bind`: in a user namespace mknod is not allowed; nodes are bound instead, those of
 * `nodes` (devices_early, -1 without), else those of the host.
 */
int devices_make(int rootfd, const struct spec_linux *config, bool bind, int nodes, struct rt_error *err);

/*
 * The spec's own devices as nodes of a mount that is attached nowhere, made by the runtime before it enters a user namespace: there they can have the owner and mode that the
 * spec gives them. -1 when there are none, or without the right to make them; then those of the host serve.
 */
int devices_early(const struct spec_linux *config);

/* For `features` and cgroup rules: path, type and numbers of the default devices; ends with a NULL path. */
struct default_device {
    const char *path;
    unsigned major, minor;
};
extern const struct default_device default_devices[];

/* The host's null device as a detached mount, checked to be 1:3 (CVE-2025-31133). */
int device_null_mount(struct rt_error *err);
