#pragma once
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * Paths below a root. "/" and ".." end at the root, symbolic links are followed inside it and never through /proc's magic links, whatever
 * the tree contains and whoever changes it meanwhile: openat2(RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS), or a walk component by component
 * where the kernel or a seccomp filter has no openat2. Path and root may be absolute or relative alike; O_CLOEXEC is always set.
 *
 * Error codes: PATH_MISSING (ENOENT), NOT_A_DIRECTORY (ENOTDIR), PATH_ESCAPES (EXDEV), else NATIVE_FAILED.
 */

/* Opens `path`; O_NOFOLLOW concerns the last component. Returns the descriptor or -1. */
int open_in_root(int rootfd, const char *path, int flags, mode_t mode, struct rt_error *err);

/* As open_in_root, but the error is left in errno and nothing is formatted: for callers to whom a miss is an answer. */
int try_open_in_root(int rootfd, const char *path, int flags, mode_t mode);

int stat_in_root(int rootfd, const char *path, bool follow, struct stat *out, struct rt_error *err);

/*
 * Opens the directory `path` (O_PATH), making what is missing with `mode` (the umask of a plan is 0). A dangling symbolic link on the way is
 * followed and its target is made. `created` may be NULL; it is called with every directory that was made (O_PATH) and its path inside the root.
 */
typedef int mkdir_hook(int fd, const char *path, void *arg, struct rt_error *err);
int mkdirs_in_root(int rootfd, const char *path, mode_t mode, mkdir_hook *created, void *arg, struct rt_error *err);

/*
 * Finds where `path` really is: the directory (O_PATH) that holds its last component once all symbolic links are followed, the last one included,
 * and that component in *name (fresh memory; "." for the root itself). Nothing needs to be there; missing directories on the way are made
 * as by mkdirs_in_root.
 */
int resolve_in_root(int rootfd, const char *path, mode_t mode, mkdir_hook *created, void *arg, char **name, struct rt_error *err);

/*
 * Opens the directory that holds the last component of `path` (O_PATH) and gives that component, which points into `path`. Trailing slashes
 * do not count. A path that ends in "..", or is the root, has no such name: *name is then "." and the directory itself is returned.
 */
int open_parent_in_root(int rootfd, const char *path, const char **name, struct rt_error *err);

/*
 * Opens the directory `path` below `dirfd` with `flags` where every component is a real directory: no links, no "..", nothing absolute.
 * The error is left in errno: ENOENT, ENOTDIR or ELOOP (a link is in the way), EXDEV (a path that would leave).
 */
int try_open_directory_strictly(int dirfd, const char *path, int flags);

/* The walk that replaces openat2; public for its test. errno tells the fault. */
int walk_open_in_root(int rootfd, const char *path, int flags, mode_t mode);

/* A single file name: not empty, not "." or "..", no slash, at most 255 bytes. */
bool is_file_name(const char *name);

/* The path in canonical form without leading and trailing slash: "." and empty components removed, ".." applied and kept inside ("" is the root). Fresh memory. */
char *path_clean(const char *path, struct rt_error *err);

/* Where an open file is below the root: canonical, without links, "" for the root itself. Fresh memory; PATH_ESCAPES when it is not below. */
char *path_below_root(int rootfd, int fd, struct rt_error *err);

/* rt_fail with the code that belongs to errno. */
int path_fail(struct rt_error *err, int errnum, const char *syscall, const char *path, const char *what);
