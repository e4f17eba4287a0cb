#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "runtime/spec.h"

/*
 * The scope unit that is the container's cgroup under the driver "systemd": systemd owns the tree, we ask it over D-Bus. Root asks the system's manager, others that of the user.
 * Code: CGROUP_FAILED.
 */
struct systemd_scope {
    char *slice, *unit;
    bool user;
};

/* "slice:prefix:name"; NULL or empty: "tsbuild" and the id in the default slice. Frees with systemd_scope_free. */
int systemd_scope_parse(const char *path, const char *id, bool user, struct systemd_scope *out, struct rt_error *err);
void systemd_scope_free(struct systemd_scope *scope);

/* Makes the scope around process `pid` and waits until it is there. `annotations`: "org.systemd.property.*" are properties of the unit. */
int systemd_start(const struct systemd_scope *scope, const char *id, pid_t pid, bool unified, const struct spec_resources *resources, const struct spec_pairs *annotations, struct rt_error *err);
/* Tells systemd of new limits, so that it does not set its own again. */
int systemd_update(const char *unit, bool user, bool unified, const struct spec_resources *resources, struct rt_error *err);
/* Stops the scope and waits for it; one that is gone is no error. */
int systemd_stop(const char *unit, bool user, struct rt_error *err);
