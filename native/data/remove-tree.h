#pragma once
#include <stdint.h>

#include "base/error.h"

/*
 * Removes the file or directory `name` (one component) below `dirfd` with all that it holds. Never follows a link, never crosses a mount (an
 * error, NATIVE_FAILED with EXDEV or EBUSY, and what lies behind the mount is untouched), needs constant memory and descriptors at any depth.
 * A name that is missing is not an error. `removed`, where not NULL, is increased by the number of entries.
 */
int remove_tree(int dirfd, const char *name, uint64_t *removed, struct rt_error *err);
