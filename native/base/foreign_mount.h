#pragma once
#include <sys/types.h>

#include "base/error.h"

/*
 * A clone of the tmpfs that the process `pid` sees at `path`, as a mount that is attached nowhere and can be written to, for another who shall see the
 * same files. The path is resolved inside that process's root. Codes: PATH_MISSING when there is no process, MOUNT_FAILED.
 */
int foreign_mount_open(pid_t pid, const char *path, int *mount, struct rt_error *err);
