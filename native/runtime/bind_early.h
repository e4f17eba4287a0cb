#pragma once
#include "base/error.h"
#include "runtime/init.h"

/*
 * In a user namespace the sources of bind mounts may be out of reach, and ids can be mapped only by who owns the file system: then the runtime opens them all before it clones,
 * as long as it may mount itself. Nothing is done where the init process can do it on its own.
 */
int bind_early(struct init *init, struct rt_error *err);
void bind_early_free(struct init *init);
