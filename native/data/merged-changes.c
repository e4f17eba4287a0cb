#include "data/merged-changes.h"

#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/path.h"
#include "base/plan.h"
#include "base/util.h"
#include "data/fresh-file.h"
#include "data/layer-same.h"
#include "data/listing.h"
#include "data/place.h"
#include "data/whiteout.h"
#include "data/xattr-policy.h"

struct taking {
    const struct merged_changes *changes;
    const char *opaque;
    struct buf path; /* of the entry at hand */
    struct xattr_list xattrs;
};

/* A directory of the copy with its counterparts. That of the layer is made when there is something to put into it. */
struct level {
    struct level *up;
    const char *name;
    int tree, lower, out;
    bool opaque;
    struct stat st; /* of the copy, before anything is taken out of it */
};

static int take_fail(const struct taking *taking, const char *syscall, struct rt_error *err)
{
    const char *path = taking->path.size ? taking->path.data : "/";
    return rt_fail_at(err, path, "NATIVE_FAILED", errno, syscall, "cannot take the changes of '%s'", path);
}

static int make(struct taking *taking, struct level *level, struct rt_error *err)
{
    if (level->out >= 0) return 0;
    if (make(taking, level->up, err) < 0) return -1;
    if (mkdirat(level->up->out, level->name, 0700) < 0) return take_fail(taking, "mkdirat", err);
    level->out = openat(level->up->out, level->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return level->out < 0 ? take_fail(taking, "openat", err) : 0;
}

/* After its content, which moves the time. */
static int settle(struct taking *taking, const struct level *level, struct rt_error *err)
{
    if (level->out < 0) return 0;
    struct tar_entry meta = { .type = ENTRY_DIR, .path = taking->path.data, .mode = level->st.st_mode & 07777, .uid = level->st.st_uid, .gid = level->st.st_gid, .mtime = level->st.st_mtim };
    if (xattr_list_read(level->tree, &taking->xattrs, err) < 0) return rt_wrap(err, "'%s'", taking->path.data);
    meta.xattrs = taking->xattrs.items;
    meta.xattr_count = taking->xattrs.count;
    if (level->opaque && fsetxattr(level->out, taking->opaque, "y", 1, 0) < 0) return take_fail(taking, "fsetxattr", err);
    return fresh_settle(level->out, &meta, err);
}

static int take(struct taking *taking, struct level *level, const char *name, struct rt_error *err)
{
    if (make(taking, level, err) < 0) return -1;
    bool move = taking->changes->move;
    int result = move ? renameat(level->tree, name, level->out, name) : linkat(level->tree, name, level->out, name, 0);
    if (result == 0 || (!move && errno == ENOENT)) return 0; /* a process may be at work in the tree */
    return take_fail(taking, move ? "renameat" : "linkat", err);
}

static int same_bytes(struct taking *taking, const struct level *level, const char *name, const struct stat *st, struct rt_error *err)
{
    auto_close int fd = openat(level->tree, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? 1 : take_fail(taking, "openat", err);
    if (xattr_list_read(fd, &taking->xattrs, err) < 0) return -1;
    return layer_same_file(level->lower, name, fd, st, &taking->xattrs, err);
}

static int take_file(struct taking *taking, struct level *level, const char *name, bool below, struct rt_error *err)
{
    struct stat st;
    if (fstatat(level->tree, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT ? 0 : take_fail(taking, "fstatat", err);
    int same = below ? stamps_has(taking->changes->stamps, level->tree, name, taking->path.data, &st, err) : 0;
    if (same == 1 && taking->changes->deaf && S_ISREG(st.st_mode) && st.st_size > 0) same = same_bytes(taking, level, name, &st, err);
    return same < 0 ? -1 : same ? 0 : take(taking, level, name, err);
}

static int take_directory(struct taking *taking, struct level *level, struct rt_error *err);

static int take_child_directory(struct taking *taking, struct level *level, const char *name, const struct listed *below, struct rt_error *err)
{
    struct level child = { .up = level, .name = name, .tree = -1, .lower = -1, .out = -1 };
    auto_close int tree = openat(level->tree, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (tree < 0 && errno == ENOENT) return 0;
    if (tree < 0 || fstat(tree, &child.st) < 0) return take_fail(taking, "openat", err);
    int same = below && below->type == DT_DIR ? stamps_has(taking->changes->stamps, level->tree, name, taking->path.data, &child.st, err) : 0;
    if (same < 0) return -1;
    auto_close int lower = same ? openat(level->lower, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (same && lower < 0) return take_fail(taking, "openat", err);
    child.tree = tree;
    child.lower = lower;
    child.opaque = below && !same;
    int result = take_directory(taking, &child, err);
    util_close(&child.out);
    return result;
}

/* `entry` is NULL where the name is only below, `below` where it is only in the copy. */
static int take_name(struct taking *taking, struct level *level, const struct listed *entry, const struct listed *below, struct rt_error *err)
{
    if (below && (below->whiteout || below->type == DT_SOCK)) below = NULL;
    if (entry && entry->type == DT_SOCK) entry = NULL; /* a socket means nothing without its process */
    if (!entry && !below) return 0;
    const char *name = entry ? entry->name : below->name;
    size_t mark = taking->path.size;
    if (buf_printf(&taking->path, err, "%s%s", mark ? "/" : "", name) < 0) return -1;
    int result;
    if (!entry) {
        result = make(taking, level, err);
        if (result == 0 && whiteout_make(level->out, name) < 0) result = take_fail(taking, "mknodat", err);
    } else if (entry->type == DT_DIR) result = take_child_directory(taking, level, name, below, err);
    else result = take_file(taking, level, name, below && below->type != DT_DIR, err);
    buf_cut(&taking->path, mark);
    return result;
}

static int take_names(struct taking *taking, struct level *level, const struct listing *names, const struct listing *below, struct rt_error *err)
{
    size_t i = 0, k = 0;
    while (i < names->count || k < below->count) {
        int order = i == names->count ? 1 : k == below->count ? -1 : strcmp(names->entries[i].name, below->entries[k].name);
        if (plan_check(err) < 0) return -1;
        if (take_name(taking, level, order <= 0 ? &names->entries[i] : NULL, order >= 0 ? &below->entries[k] : NULL, err) < 0) return -1;
        i += order <= 0;
        k += order >= 0;
    }
    return 0;
}

static int take_directory(struct taking *taking, struct level *level, struct rt_error *err)
{
    auto_listing struct listing names = { 0 }, below = { 0 };
    if (xattr_list_read(level->tree, &taking->xattrs, err) < 0) return rt_wrap(err, "'%s'", taking->path.data);
    int same = level->lower < 0 ? 0 : layer_same_directory(level->lower, &level->st, &taking->xattrs, err);
    if (same < 0 || (!same && make(taking, level, err) < 0)) return -1;
    if (listing_read(level->tree, LISTING_BY_NAME, false, &names, err) < 0 || (level->lower >= 0 && listing_read(level->lower, LISTING_BY_NAME, true, &below, err) < 0))
        return rt_wrap(err, "cannot read '/%s'", taking->path.data);
    return take_names(taking, level, &names, &below, err) < 0 ? -1 : settle(taking, level, err);
}

int merged_changes(const struct merged_changes *changes, int out, struct rt_error *err)
{
    struct taking taking = { .changes = changes, .opaque = opaque_name() };
    struct level root = { .tree = changes->tree, .lower = changes->lower, .out = out };
    int result = buf_str(&taking.path, "", err);
    if (result == 0 && fstat(changes->tree, &root.st) < 0) result = take_fail(&taking, "fstat", err);
    if (result == 0) result = take_directory(&taking, &root, err);
    buf_free(&taking.path);
    xattr_list_free(&taking.xattrs);
    return result;
}
