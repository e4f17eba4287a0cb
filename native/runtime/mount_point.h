#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "base/error.h"

/*
 * Files and directories that were made in a root only to be mounted upon. Once the mounts are gone those that nobody touched are removed, and the
 * times of the directories around them set back, so that they leave nothing in a layer.
 */
struct mount_point {
    bool directory;
    struct timespec changed;                    /* ctime of what was made */
    struct timespec parent_before, parent_after; /* mtime of the directory that holds it */
    uint64_t inode;
};

struct mount_points {
    struct mount_point_entry {
        struct mount_point point;
        char *path; /* inside the root */
    } *items;
    size_t count;
};

/* How the process that makes them passes them on; `context` is of the caller. */
typedef int mount_point_made(void *context, const struct mount_point *point, const char *path, struct rt_error *err);

/*
 * Opens the place (O_PATH) at `path` inside the root, making a directory or an empty file where nothing is. Symbolic links are followed inside the root.
 */
int mount_point_open(int rootfd, const char *path, bool directory, mount_point_made *made, void *context, struct rt_error *err);

int mount_points_add(struct mount_points *list, const struct mount_point *point, const char *path, struct rt_error *err);
/* Last made, first removed. What was touched stays. */
int mount_points_remove(const struct mount_points *list, int rootfd, struct rt_error *err);
void mount_points_free(struct mount_points *list);

/*
 * For mount points that somebody else makes: those of a path that are not there yet are noted before, and looked at again once they have been made.
 */
int mount_points_expect(struct mount_points *list, int rootfd, const char *path, struct rt_error *err);
void mount_points_settle(struct mount_points *list, int rootfd);
