#pragma once
#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"
#include "data/tar.h"

/*
 * Making single objects in an open directory: the file system side of unpacking and copying. Nothing here resolves a path: a name is one
 * component below `dirfd`, links are never followed, an object that exists already gives EEXIST (return 1), and the caller decides.
 * Owner, mode, attributes and time are those of `entry`; a directory's time is the caller's affair, as its children change it.
 *
 * Codes: STORE_FULL, FEATURE_MISSING (an owner that the user namespace does not map, attributes the file system cannot keep), else
 * NATIVE_FAILED, all with the path of the entry.
 */
struct tar_reader;

/* 0, 1 when the name exists, -1. The content of a file comes from `reader`. */
int place_file(int dirfd, const char *name, const struct tar_entry *entry, struct tar_reader *reader, struct rt_error *err);
int place_symlink(int dirfd, const char *name, const struct tar_entry *entry, struct rt_error *err);
int place_node(int dirfd, const char *name, const struct tar_entry *entry, struct rt_error *err);

/* Owner, mode and attributes of an open file or directory (not O_PATH), as far as they differ; `have` is its present status. */
int place_metadata(int fd, const struct stat *have, const struct tar_entry *entry, struct rt_error *err);

/* pwrite of everything, where aligned runs of zeros become holes. 0, or -1 with errno. */
int place_bytes(int fd, const unsigned char *data, size_t size, uint64_t offset);

/* rt_fail with the code that belongs to the fault of making `path`. */
int place_fail(struct rt_error *err, int errnum, const char *syscall, const char *path, const char *what);
