#pragma once
#include "base/error.h"
#include "data/tar.h"

/* Regular files that are made anew: what was in their place is unlinked, never written to. */

/* Removes what is in the way of `name`. Only a directory may not be replaced: IS_A_DIRECTORY. `path` is for the error. */
int fresh_clear_way(int dirfd, const char *name, const char *path, struct rt_error *err);

/* Creates the file and gives it open for writing. */
int fresh_file(int dirfd, const char *name, const struct tar_entry *meta, struct rt_error *err);

/* Owner, mode, attributes and time, when everything is written; also for a directory. */
int fresh_settle(int fd, const struct tar_entry *meta, struct rt_error *err);
