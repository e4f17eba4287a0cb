#pragma once
#include "base/error.h"
#include "runtime/container.h"

/*
 * A bundle for another runtime, in a directory of its own: config.json, rootfs and the trees as mounts in this process's private mount namespace, log, pid file, console socket.
 */
struct external_bundle {
    char *path;
    size_t tree_count;
};

/* Enters a private mount namespace and makes it all. */
int external_bundle_make(const struct spec *spec, const struct runtime_params *params, struct external_bundle *out, struct rt_error *err);
/* Takes mounts and files away; what cannot be is left. */
void external_bundle_remove(struct external_bundle *bundle);
/* A path inside of it; fresh memory. */
char *external_bundle_file(const struct external_bundle *bundle, const char *name, struct rt_error *err);
