#pragma once
#include <stdbool.h>

#include "base/error.h"
#include "runtime/cgroup.h"
#include "runtime/spec.h"

/*
 * The container's view of its cgroups, mounted where the spec wants it. `own_namespace`: it has a cgroup namespace; else its own directories are bound. A hierarchy in
 * which it has no cgroup of its own is left out: it would show that of the caller.
 */
int cgroup_mount(const struct cgroup *cgroup, const struct spec_mount *mount, bool own_namespace, int target, int rootfd, struct rt_error *err);
