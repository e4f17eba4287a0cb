#include "data/merged.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/path.h"
#include "base/util.h"
#include "data/descriptor-limit.h"
#include "data/listing.h"
#include "data/merge.h"
#include "data/merged-changes.h"
#include "data/remove-tree.h"

#define ROOT "root"
#define STAMPS "stamps"

bool is_merged(const struct tree *tree)
{
    return tree->view && tree->lower_count > 0 && (tree->upper || tree->lower_count > 1);
}

static int merged_fail(struct rt_error *err, const char *path, const char *syscall)
{
    return rt_fail_at(err, path, "NATIVE_FAILED", errno, syscall, "cannot merge layers in '%s'", path);
}

static const char *place_of(const struct tree *tree)
{
    return tree->upper ? tree->copy : tree->view;
}

char *merged_path(const struct tree *tree, struct rt_error *err)
{
    return rt_printf(err, "%s/" ROOT, place_of(tree));
}

static int remove_path(const char *path, struct rt_error *err)
{
    const char *slash = strrchr(path, '/');
    auto_free char *directory = rt_memdup(path, (size_t)(slash - path), err);
    if (!directory) return -1;
    auto_close int parent = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return parent < 0 ? merged_fail(err, directory, "open") : remove_tree(parent, slash + 1, NULL, err);
}

/* ── making ── */

/* overlayfs makes "work" in the work directory at the first mount, and so do we when the upper directory has something to say. */
static bool is_fresh(const struct tree *tree)
{
    auto_close int work = open(tree->work, O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_close int upper = open(tree->upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_listing struct listing names = { 0 };
    struct rt_error ignored;
    if (work >= 0 && faccessat(work, "work", F_OK, AT_SYMLINK_NOFOLLOW) == 0) return false;
    return upper >= 0 && listing_read(upper, LISTING_BY_NAME, false, &names, &ignored) == 0 && names.count == 0;
}

static int fill(const struct tree *tree, bool copy, int dir, struct rt_error *err)
{
    size_t fresh = tree->upper && !is_fresh(tree), count = tree->lower_count + fresh;
    auto_free char **layers = calloc(count, sizeof *layers);
    if (!layers) return rt_nomem(err);
    if (fresh) layers[0] = tree->upper;
    memcpy(layers + fresh, tree->lower, tree->lower_count * sizeof *layers);
    if (mkdirat(dir, ROOT, 0700) < 0) return merged_fail(err, place_of(tree), "mkdirat");
    auto_close int root = openat(dir, ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) return merged_fail(err, place_of(tree), "openat");
    auto_stamps struct stamps stamps = { 0 };
    const struct merge_options options = { .layers = layers, .count = count, .fresh = fresh, .copy = copy };
    if (merge_layers(&options, root, &stamps, err) < 0) return -1;
    return tree->upper ? stamps_save(&stamps, dir, STAMPS, err) : 0;
}

/* Made aside and given its name when it is complete. Another process may do the same: the first wins. */
static int build(const struct tree *tree, bool copy, struct rt_error *err)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const char *place = place_of(tree);
    auto_free char *aside = rt_printf(err, "%s.%d-%lld%09ld", place, (int)getpid(), (long long)now.tv_sec, now.tv_nsec);
    if (!aside) return -1;
    descriptor_limit_raise();
    if (mkdir(aside, 0755) < 0) return merged_fail(err, aside, "mkdir");
    auto_close int dir = open(aside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = dir < 0 ? merged_fail(err, aside, "open") : fill(tree, copy, dir, err);
    /* A directory that is not empty is never replaced. */
    if (result == 0 && rename(aside, place) == 0) return 0;
    if (result == 0 && errno != EEXIST && errno != ENOTEMPTY) result = merged_fail(err, place, "rename");
    struct rt_error ignored;
    remove_path(aside, &ignored);
    return result;
}

/* ── opening ── */

static int open_root(const struct tree *tree)
{
    char *path;
    if (asprintf(&path, "%s/" ROOT, place_of(tree)) < 0) return -1;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(path);
    return fd;
}

static int load_stamps(const struct tree *tree, struct stamps *stamps, struct rt_error *err)
{
    auto_close int dir = open(tree->copy, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? merged_fail(err, tree->copy, "open") : stamps_load(stamps, dir, STAMPS, err);
}

int merged_open(const struct tree *tree, int flags, int *rootfd, struct rt_error *err)
{
    bool copy = tree->upper && flags & (TREE_MOUNT | TREE_PROCESS);
    if (!place_of(tree)) return rt_fail(err, "PLAN_INVALID", 0, NULL, "the tree to write to has no copy");
    auto_close int fd = open_root(tree);
    if (fd >= 0 && copy) {
        auto_stamps struct stamps stamps = { 0 };
        if (load_stamps(tree, &stamps, err) < 0) return -1;
        if (stamps.shared) { /* an earlier plan was killed before it had settled its links */
            util_close(&fd);
            if (merged_settle(tree, false, err) < 0) return -1;
        }
    }
    if (fd < 0 && build(tree, copy, err) < 0) return -1;
    if (fd < 0) fd = open_root(tree);
    if (fd < 0) return merged_fail(err, place_of(tree), "open");
    *rootfd = take_fd(&fd);
    return 0;
}

/* ── the upper directory ── */

static int open_lower(const struct tree *tree, int *fd, struct rt_error *err)
{
    const struct tree lower = { .lower = tree->lower, .lower_count = tree->lower_count, .view = tree->view };
    auto_close int path = -1;
    if (tree_open(&lower, 0, &path, err) < 0) return -1;
    *fd = openat(path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *fd < 0 ? merged_fail(err, tree->view, "openat") : 0;
}

/* Writing through a memory map moves no time of a tmpfs. */
static bool is_deaf(int fd)
{
    struct statfs status;
    return fstatfs(fd, &status) == 0 && status.f_type == TMPFS_MAGIC;
}

static int take_changes(const struct tree *tree, const struct stamps *stamps, bool move, const char *out, struct rt_error *err)
{
    auto_close int root = open_root(tree), lower = -1;
    if (root < 0) return merged_fail(err, tree->copy, "open");
    if (open_lower(tree, &lower, err) < 0) return -1;
    if (mkdir(out, 0700) < 0) return merged_fail(err, out, "mkdir");
    auto_close int fd = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return merged_fail(err, out, "open");
    const struct merged_changes changes = { .tree = root, .lower = lower, .stamps = stamps, .move = move, .deaf = is_deaf(root) && !stamps->shared };
    return merged_changes(&changes, fd, err);
}

/* The work directory then says that the upper has something to say, be it of the root only. */
static int replace_upper(const struct tree *tree, const char *made, struct rt_error *err)
{
    auto_free char *work = rt_printf(err, "%s/work", tree->work);
    if (!work || remove_path(tree->upper, err) < 0) return -1;
    if (rename(made, tree->upper) < 0) return merged_fail(err, tree->upper, "rename");
    return mkdir(work, 0700) == 0 || errno == EEXIST ? 0 : merged_fail(err, work, "mkdir");
}

int merged_settle(const struct tree *tree, bool all, struct rt_error *err)
{
    if (!is_merged(tree) || !tree->upper || !tree->copy || access(tree->copy, F_OK) < 0) return 0;
    auto_stamps struct stamps stamps = { 0 };
    if (load_stamps(tree, &stamps, err) < 0) return -1;
    if (!all && !stamps.shared) return 0;
    auto_free char *made = rt_printf(err, "%s/upper", tree->copy);
    if (!made || remove_path(made, err) < 0 || take_changes(tree, &stamps, true, made, err) < 0) return -1;
    return replace_upper(tree, made, err) < 0 ? -1 : remove_path(tree->copy, err);
}

int upper_open(const struct tree *tree, struct upper *upper, struct rt_error *err)
{
    const char *path = tree->path ? tree->path : tree->upper ? tree->upper : tree->lower[0];
    *upper = (struct upper){ .fd = -1 };
    if (is_merged(tree) && tree->upper && tree->copy && access(tree->copy, F_OK) == 0) {
        auto_stamps struct stamps stamps = { 0 };
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        upper->made = rt_printf(err, "%s/upper.%d-%lld%09ld", tree->copy, (int)getpid(), (long long)now.tv_sec, now.tv_nsec);
        if (!upper->made || load_stamps(tree, &stamps, err) < 0 || take_changes(tree, &stamps, false, upper->made, err) < 0) return -1;
        path = upper->made;
    }
    upper->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return upper->fd >= 0 ? 0 : path_fail(err, errno, "open", path, "open the directory");
}

int upper_close(struct upper *upper, struct rt_error *err)
{
    auto_free char *made = take_ptr(&upper->made);
    util_close(&upper->fd);
    return made ? remove_path(made, err) : 0;
}
