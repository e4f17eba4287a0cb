#include "data/copy-entry.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/path.h"
#include "base/plan.h"
#include "base/util.h"
#include "data/copy-frames.h"
#include "data/copy-link.h"
#include "data/fresh-file.h"
#include "data/place.h"
#include "data/unpack.h"

#define RACY_SECONDS 2 /* the coarsest time stamps in use (FAT) */

int copier_open(struct copier *copier, struct copy_action *action, struct target *target, struct rt_error *err)
{
    *copier = (struct copier){ .action = action, .target = target, .owner = action->owner, .content.settled = action->from.lower_count > 0 };
    copier->made = (struct target_made){ .owner = &copier->owner, .mode = mode_change_parents(&action->chmod) };
    if (target_refresh(target, err) < 0 || owner_resolve(&copier->owner, target->root, err) < 0) return -1;
    if (action->manifest && manifest_open(&copier->manifest, action->manifest, err) < 0) return -1;
    copier->racy_from = copier->manifest.started - RACY_SECONDS;
    return 0;
}

static void forget_source(struct copier *copier)
{
    while (copier->depth > 0) copier_pop(copier);
    free(take_ptr(&copier->name));
    free(take_ptr(&copier->top));
    link_map_free(&copier->links);
    copier->done = false;
}

void copier_close(struct copier *copier)
{
    forget_source(copier);
    free(copier->frames);
    free(copier->whole);
    free(copier->changed);
    manifest_close(&copier->manifest);
    content_copier_free(&copier->content);
    xattr_list_free(&copier->xattrs);
}

void copier_begin(struct copier *copier)
{
    forget_source(copier);
}

int copier_end(struct copier *copier, struct rt_error *err)
{
    while (copier->depth > 0)
        if (copier_leave(copier, err) < 0) return -1;
    forget_source(copier);
    return 0;
}

/* ── what an entry becomes ── */

static struct tar_entry entry_meta(const struct copier *copier, const struct scan_entry *entry, enum entry_type type)
{
    const struct stat *st = &entry->st;
    const struct copy_action *action = copier->action;
    bool given = action->owner.given, keep = action->keep_owners;
    return (struct tar_entry){
        .type = type,
        .path = entry->path,
        .mode = mode_change_apply(&action->chmod, st->st_mode),
        .uid = given ? copier->owner.uid : keep ? st->st_uid : 0,
        .gid = given ? copier->owner.gid : keep ? st->st_gid : 0,
        .mtime = st->st_mtim,
        .major = major(st->st_rdev),
        .minor = minor(st->st_rdev),
    };
}

static int with_xattrs(struct copier *copier, int source, struct tar_entry *meta, struct rt_error *err)
{
    if (!copier->action->keep_owners) return 0;
    if (xattr_list_read(source, &copier->xattrs, err) < 0) return rt_wrap(err, "'%s'", meta->path);
    meta->xattrs = copier->xattrs.items;
    meta->xattr_count = copier->xattrs.count;
    return 0;
}

static int open_source(const struct scan_entry *entry, struct rt_error *err)
{
    const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    struct stat st;
    auto_close int fd = openat(entry->dirfd, entry->name, flags | O_NOATIME);
    if (fd < 0 && errno == EPERM) fd = openat(entry->dirfd, entry->name, flags);
    if (fd < 0) return path_fail(err, errno, "openat", entry->path, "read");
    if (fstat(fd, &st) < 0) return path_fail(err, errno, "fstat", entry->path, "read the status of");
    if (st.st_ino == entry->st.st_ino && st.st_dev == entry->st.st_dev && S_ISREG(st.st_mode)) return take_fd(&fd);
    return rt_fail_at(err, entry->path, "FILE_CHANGED", 0, NULL, "'%s' was replaced while it was copied", entry->path);
}

/* ── one entry of each kind ── */

static int compare_digest(struct copier *copier, const uint8_t digest[CONTENT_DIGEST], const char *path, struct rt_error *err)
{
    if (memcmp(digest, copier->manifest.record.digest, CONTENT_DIGEST) == 0) return 0;
    return rt_fail_at(err, path, "FILE_CHANGED", 0, NULL, "'%s' changed after it was read for the first time", path);
}

static bool is_racy(const struct copier *copier, const struct stat *st)
{
    return copier->manifest.file && (st->st_mtim.tv_sec >= copier->racy_from || st->st_ctim.tv_sec >= copier->racy_from);
}

/* 1: the earlier layer has this very file, and it is linked. */
static int copy_from_earlier(struct copier *copier, const struct scan_entry *entry, const char *name, struct rt_error *err)
{
    const struct copy_frame *frame = copier_top(copier);
    if (frame->earlier < 0 || is_racy(copier, &entry->st) || entry->st.st_mtim.tv_sec >= copier->action->newest) return 0;
    if (copier->untouched && linkat(frame->earlier, name, frame->dir.fd, name, 0) == 0) {
        copier->reused++;
        return 1;
    }
    const struct tar_entry meta = entry_meta(copier, entry, ENTRY_FILE);
    struct stat want = entry->st;
    want.st_mode = S_IFREG | meta.mode;
    want.st_uid = meta.uid;
    want.st_gid = meta.gid;
    int linked = reuse_link(&copier->action->reuse, frame->earlier, frame->dir.fd, name, entry->path, &want, copier->manifest.record.digest, err);
    copier->reused += linked > 0;
    return linked;
}

static int copy_file(struct copier *copier, const struct scan_entry *entry, const char *name, struct rt_error *err)
{
    int linked = copy_as_link(copier, entry, name, err);
    if (linked == 0) linked = copy_from_earlier(copier, entry, name, err);
    if (linked != 0) return linked < 0 ? -1 : 0;
    auto_close int from = open_source(entry, err);
    if (from < 0) return -1;
    struct tar_entry meta = entry_meta(copier, entry, ENTRY_FILE);
    auto_close int to = fresh_file(copier_top(copier)->dir.fd, name, &meta, err);
    uint8_t digest[CONTENT_DIGEST];
    bool racy = is_racy(copier, &entry->st);
    if (to < 0 || content_copy(&copier->content, from, &entry->st, to, entry->path, racy ? digest : NULL, err) < 0) return -1;
    if (racy && compare_digest(copier, digest, entry->path, err) < 0) return -1;
    if (with_xattrs(copier, from, &meta, err) < 0) return -1;
    return fresh_settle(to, &meta, err);
}

__attribute__((noinline)) static int copy_symlink(struct copier *copier, const struct scan_entry *entry, const char *name, struct rt_error *err)
{
    char target[PATH_MAX];
    ssize_t size = readlinkat(entry->dirfd, entry->name, target, sizeof target - 1);
    if (size < 0) return path_fail(err, errno, "readlinkat", entry->path, "read the link");
    target[size] = '\0';
    struct tar_entry meta = entry_meta(copier, entry, ENTRY_SYMLINK);
    meta.link = target;
    int exists = place_symlink(copier_top(copier)->dir.fd, name, &meta, err);
    if (exists != 1) return exists;
    return fresh_clear_way(copier_top(copier)->dir.fd, name, entry->path, err) < 0 ? -1 : place_symlink(copier_top(copier)->dir.fd, name, &meta, err);
}

/* A block device becomes the character device of its numbers: BuildKit's copy takes the bits of S_IFSOCK out of the mode, and images are built on what it does. */
static int copy_node(struct copier *copier, const struct scan_entry *entry, const char *name, struct rt_error *err)
{
    mode_t mode = entry->st.st_mode;
    struct tar_entry meta = entry_meta(copier, entry, S_ISFIFO(mode) ? ENTRY_FIFO : ENTRY_CHAR);
    if (!S_ISFIFO(mode) && entry->st.st_rdev == 0)
        return rt_fail_at(err, entry->path, "LAYER_INVALID", 0, NULL, "cannot copy '%s': a 0/0 device is overlayfs' mark for a deleted file", entry->path);
    int exists = place_node(copier_top(copier)->dir.fd, name, &meta, err);
    if (exists != 1) return exists;
    return fresh_clear_way(copier_top(copier)->dir.fd, name, entry->path, err) < 0 ? -1 : place_node(copier_top(copier)->dir.fd, name, &meta, err);
}

/* A socket is nothing without its process: its copy is an empty file, as BuildKit makes it. */
static int copy_socket(struct copier *copier, const struct scan_entry *entry, const char *name, struct rt_error *err)
{
    const struct tar_entry meta = entry_meta(copier, entry, ENTRY_FILE);
    auto_close int fd = fresh_file(copier_top(copier)->dir.fd, name, &meta, err);
    return fd < 0 ? -1 : fresh_settle(fd, &meta, err);
}

static int directory_xattrs(struct copier *copier, const struct scan_entry *entry, struct tar_entry *meta, struct rt_error *err)
{
    if (!copier->action->keep_owners) return 0;
    auto_close int fd = openat(entry->dirfd, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? path_fail(err, errno, "openat", entry->path, "read") : with_xattrs(copier, fd, meta, err);
}

static int copy_directory(struct copier *copier, const struct scan_entry *entry, const char *name, struct rt_error *err)
{
    struct tar_entry meta = entry_meta(copier, entry, ENTRY_DIR);
    struct target_dir up = copier_top(copier)->dir, dir = { .fd = -1, .direct = up.direct };
    struct stat st;
    bool fresh = mkdirat(up.fd, name, meta.mode & 01777) == 0;
    if (!fresh && errno != EEXIST) return place_fail(err, errno, "mkdirat", entry->path, "create the copy of");
    dir.fd = openat(up.fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir.fd < 0 && (errno == ENOTDIR || errno == ELOOP))
        return rt_fail_at(err, entry->path, "NOT_A_DIRECTORY", ENOTDIR, "mkdirat", "cannot copy the directory '%s': there is something else named '%s' already", entry->path, name);
    if (dir.fd < 0) return place_fail(err, errno, "openat", entry->path, "open the copy of");
    auto_close int guard = dir.fd;
    if (fresh && target_go_direct(copier->target, &dir, err) < 0) return -1;
    guard = dir.fd;
    if (fstat(dir.fd, &st) < 0) return place_fail(err, errno, "fstat", entry->path, "read the status of the copy of");
    bool only_mode = !fresh && entry->parent;
    if (only_mode) {
        meta.uid = st.st_uid;
        meta.gid = st.st_gid;
    } else if (directory_xattrs(copier, entry, &meta, err) < 0) return -1;
    if (place_metadata(dir.fd, &st, &meta, err) < 0) return -1;
    (void)take_fd(&guard);
    if (copier_push(copier, dir, strlen(entry->kept), only_mode ? NULL : &entry->st.st_mtim, err) < 0) return -1;
    return copier_find_earlier(copier, name, err);
}

/* ── visits ── */

static int compare_manifest(struct copier *copier, const struct scan_entry *entry, struct rt_error *err)
{
    if (!copier->manifest.file) return 0;
    int more = manifest_next(&copier->manifest, err);
    if (more < 0) return -1;
    if (more && strcmp(copier->manifest.path.data, entry->path) == 0 && manifest_matches(&copier->manifest.record, &entry->st)) return 0;
    return rt_fail_at(err, entry->path, "FILE_CHANGED", 0, NULL, "'%s' changed after it was read for the first time", entry->path);
}

/* 1: it was an archive and is unpacked. */
static int try_unpack(struct copier *copier, int fd, const char *path, struct rt_error *err)
{
    const struct copy_action *action = copier->action;
    if (action->archives == ARCHIVES_KEEP) return 0;
    int archive = unpack_is_archive(fd, err);
    if (archive < 0) return -1;
    if (!archive && action->archives == ARCHIVES_UNPACK) return rt_fail_at(err, path, "LAYER_INVALID", 0, NULL, "cannot unpack '%s': it is not an archive", path);
    if (!archive) return 0;
    const struct target_made made = { .owner = &copier->owner, .mode = 0755 };
    struct target_dir dir;
    if (target_directory(copier->target, action->dest, &made, &dir, err) < 0) return -1;
    auto_close int root = dir.fd;
    const struct unpack_options options = { .owned = action->owner.given, .uid = copier->owner.uid, .gid = copier->owner.gid };
    return unpack_archive(fd, root, &options, err) < 0 ? rt_wrap(err, "cannot unpack '%s'", path) : 1;
}

/* The first visit of a source tells what it is, and by that what the destination is. 1: the entry needs nothing more. */
static int prepare(struct copier *copier, const struct scan_entry *entry, struct rt_error *err)
{
    const struct copy_action *action = copier->action;
    bool whole = S_ISDIR(entry->st.st_mode) && entry->kept[0] == '\0';
    struct target_dir dir;
    if (action->parents || whole) {
        if (target_directory(copier->target, action->dest, &copier->made, &dir, err) < 0) return -1;
        if (copier_push(copier, dir, 0, whole ? &entry->st.st_mtim : NULL, err) < 0 || copier_find_earlier(copier, ".", err) < 0) return -1;
        if (whole && !copier->whole && copier_is_fresh(copier, copier_top(copier)) && !(copier->whole = target_path(copier->target, &copier_top(copier)->dir, err))) return -1;
        return whole;
    }
    if (S_ISREG(entry->st.st_mode) && action->archives != ARCHIVES_KEEP) {
        auto_close int fd = open_source(entry, err);
        int unpacked = fd < 0 ? -1 : try_unpack(copier, fd, entry->path, err);
        copier->done = unpacked > 0;
        if (unpacked != 0) return unpacked;
    }
    if (target_file(copier->target, action->dest, entry->kept, &copier->made, &dir, &copier->name, err) < 0) return -1;
    return copier_push(copier, dir, 0, NULL, err);
}

/* Compares with what the earlier copy saw. */
static int compare_earlier(struct copier *copier, const struct scan_entry *entry, struct rt_error *err)
{
    if (copier->action->reuse.layer < 0 || !copier->manifest.file) return 0;
    copier->untouched = reuse_untouched(&copier->action->reuse, entry->path, &copier->manifest.record);
    copier->linked |= !S_ISDIR(entry->st.st_mode) && entry->st.st_nlink > 1;
    if (copier->untouched && !is_racy(copier, &entry->st)) return 0;
    auto_free char *name = rt_printf(err, "%s%s", entry->kept, S_ISDIR(entry->st.st_mode) && *entry->kept ? "/" : "");
    if (!name) return -1;
    if (copier->changed && strcmp(copier->changed, name) <= 0) return 0;
    free(copier->changed);
    copier->changed = take_ptr(&name);
    return 0;
}

int copier_visit(void *arg, const struct scan_entry *entry, struct rt_error *err)
{
    struct copier *copier = arg;
    if (plan_check(err) < 0 || compare_manifest(copier, entry, err) < 0 || compare_earlier(copier, entry, err) < 0) return -1;
    if (copier->done) return 0;
    int ready = copier->depth > 0 ? 0 : prepare(copier, entry, err);
    if (ready != 0) return ready < 0 ? -1 : 0;
    if (copier_leave_to(copier, entry->kept, err) < 0) return -1;
    const char *slash = strrchr(entry->kept, '/');
    const char *name = copier->name ? copier->name : slash ? slash + 1 : entry->kept;
    switch (entry->st.st_mode & S_IFMT) {
    case S_IFREG: return copy_file(copier, entry, name, err);
    case S_IFDIR: return copy_directory(copier, entry, name, err);
    case S_IFLNK: return copy_symlink(copier, entry, name, err);
    case S_IFSOCK: return copy_socket(copier, entry, name, err);
    default: return copy_node(copier, entry, name, err);
    }
}

int copier_finish(struct copier *copier, struct rt_error *err)
{
    if (!copier->manifest.file) return 0;
    int more = manifest_next(&copier->manifest, err);
    if (more <= 0) return more;
    const char *path = copier->manifest.path.data;
    return rt_fail_at(err, path, "FILE_CHANGED", 0, NULL, "'%s' went away after it was read for the first time", path);
}

int copier_put(struct copier *copier, const struct loose_file *file, struct rt_error *err)
{
    const struct copy_action *action = copier->action;
    forget_source(copier);
    int unpacked = file->fd < 0 ? 0 : try_unpack(copier, file->fd, file->name, err);
    if (unpacked != 0) return unpacked < 0 ? -1 : 0;
    struct target_dir dir;
    if (target_file(copier->target, action->dest, file->name, &copier->made, &dir, &copier->name, err) < 0) return -1;
    auto_close int parent = dir.fd;
    const struct tar_entry meta = {
        .type = ENTRY_FILE,
        .path = file->name,
        .mode = mode_change_apply(&action->chmod, S_IFREG | file->mode),
        .uid = copier->owner.uid,
        .gid = copier->owner.gid,
        .mtime = file->mtime,
    };
    auto_close int to = fresh_file(parent, copier->name, &meta, err);
    struct stat st;
    if (to < 0) return -1;
    if (file->fd < 0 && write_all(to, file->data, file->size) < 0) return place_fail(err, errno, "write", file->name, "write");
    if (file->fd >= 0 && (fstat(file->fd, &st) < 0 || content_copy(&copier->content, file->fd, &st, to, file->name, NULL, err) < 0)) return -1;
    return fresh_settle(to, &meta, err);
}
