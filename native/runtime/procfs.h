#pragma once
#include "base/error.h"

/*
 * A procfs that is one: a container may put anything at /proc, and what looks like a write to a kernel setting may then land in a file
 * of its choice (CVE-2019-16884, CVE-2025-52881).
 */

/* Opens /proc of the calling process's own mount namespace, checked to be the root of a procfs. */
int procfs_open(struct rt_error *err);
/* Opens below it without leaving that one mount and without any link but "self". -1 with errno. */
int procfs_open_at(int procfd, const char *path, int flags);
int procfs_write(int procfd, const char *path, const char *value, struct rt_error *err);
