#pragma once
#include <stdint.h>

#include "base/error.h"

/*
 * Bounds of directories by project quotas (ext4, xfs): what is made below a directory inherits its project, and the project has a limit. Projects of ours are drawn from a range of their
 * own, and are known by it again, so that nothing needs to be remembered: what an administrator set on a directory is never taken for ours.
 */

/*
 * Bounds what is made below the empty directory `name` of `dirfd`, and below the empty directories in it, to `bytes`. FEATURE_MISSING where the file system enforces no project quotas, or
 * the caller may not set them.
 */
int project_quota_set(int dirfd, const char *name, uint64_t bytes, struct rt_error *err);

/* Takes the limit of the project of `name` away, when it is one of ours. To be called before the directory is removed, so that no limit is left without a directory. */
int project_quota_drop(int dirfd, const char *name, struct rt_error *err);
