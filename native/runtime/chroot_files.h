#pragma once
#include "base/error.h"
#include "base/json.h"
#include "data/copy.h"

/*
 * What a process without a mount namespace gets instead of mounts, for the time that it runs: copies of the host's files and of parts of trees, and empty directories at their places, and the usual devices in /dev where
 * nodes can be made. There is no /proc and no /sys.
 */
struct chroot_files {
    struct chroot_source {
        char *source, *target; /* source NULL: an empty directory, or `copy` */
        struct copy_action *copy; /* NULL: none; else it goes to the target */
        unsigned mode;
    } *sources;
    size_t source_count;
    struct chroot_change *changes; /* last made, first taken back */
    size_t change_count;
};

/* `files` of a plan: [{"source":"/host/file","target":"/etc/hosts","mode":420}], without "source" an empty directory; with "copy", an action of the verb `files` whose `dest` is the target, what that copies; absent: none. */
int chroot_files_parse(const json_t *plan, struct chroot_files *out, struct rt_error *err);
void chroot_files_free(struct chroot_files *files);

/* Paths are resolved inside the root. After an error `restore` takes back what was done. */
int chroot_files_place(struct chroot_files *files, int rootfd, struct rt_error *err);
int chroot_files_restore(struct chroot_files *files, int rootfd, struct rt_error *err);

/* Kills and reaps what the process has left running: the caller is its subreaper, and nothing else holds it. */
void chroot_kill_left(void);
