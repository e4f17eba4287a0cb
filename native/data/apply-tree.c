#include "data/apply-tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/path.h"
#include "base/util.h"
#include "data/path-set.h"
#include "data/place.h"
#include "data/remove-tree.h"
#include "data/whiteout.h"

#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"

struct directory_time {
    char *path;
    struct timespec mtime;
};

struct apply_tree {
    int rootfd;
    bool merged;
    struct apply_options options;
    uint64_t entries, bytes;
    struct path_set brought; /* merged: what this layer has, parents included */
    struct directory_time *times;
    size_t time_count, time_capacity;
    /* The directory of the entry before: most entries lie beside it. */
    char *parent; /* as the archive names it */
    char *real;   /* merged: the same without links, the form that `brought` holds */
    int parentfd;
    bool stale; /* something was removed; the name may lead elsewhere now */
};

struct apply_tree *apply_tree_open(int rootfd, const struct apply_options *options, struct rt_error *err)
{
    struct apply_tree *tree = calloc(1, sizeof *tree);
    if (!tree) {
        rt_nomem(err);
        return NULL;
    }
    *tree = (struct apply_tree){ .rootfd = rootfd, .merged = options->merged, .options = *options, .parentfd = -1 };
    return tree;
}

static void forget_parent(struct apply_tree *tree)
{
    free(tree->parent);
    free(tree->real);
    tree->parent = tree->real = NULL;
    tree->stale = false;
    util_close(&tree->parentfd);
    tree->parentfd = -1;
}

void apply_tree_close(struct apply_tree **pointer)
{
    struct apply_tree *tree = *pointer;
    if (!tree) return;
    forget_parent(tree);
    path_set_free(&tree->brought);
    for (size_t i = 0; i < tree->time_count; i++) free(tree->times[i].path);
    free(tree->times);
    free(tree);
    *pointer = NULL;
}

uint64_t apply_entries(const struct apply_tree *tree)
{
    return tree->entries;
}

uint64_t apply_bytes(const struct apply_tree *tree)
{
    return tree->bytes;
}

static int invalid(struct rt_error *err, const char *path, const char *what)
{
    return rt_fail_at(err, path, "LAYER_INVALID", 0, NULL, "cannot unpack '%s': %s", path, what);
}

static int needs_lower(struct rt_error *err, const char *path)
{
    return rt_fail_at(err, path, "LAYER_NEEDS_LOWER", 0, NULL, "'%s' depends on the layers below", path);
}

/* The path of an entry without leading and trailing slashes and "." components; NULL for one that has "..". */
static char *entry_path(const char *path, struct rt_error *err)
{
    for (const char *at = path; *at;) {
        size_t n = strcspn(at, "/");
        if (n == 2 && at[0] == '.' && at[1] == '.') {
            invalid(err, path, "it contains '..'");
            return NULL;
        }
        at += n + (at[n] == '/');
    }
    return path_clean(path, err);
}

static int open_parent(struct apply_tree *tree, const char *entry, char *parent, struct rt_error *err)
{
    if (tree->parent && !tree->stale && strcmp(tree->parent, parent) == 0) {
        free(parent);
        return 0;
    }
    forget_parent(tree);
    tree->parent = parent;
    if (!tree->merged) {
        tree->parentfd = try_open_directory_strictly(tree->rootfd, parent, O_RDONLY);
        if (tree->parentfd >= 0) return 0;
        if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return needs_lower(err, entry);
        return place_fail(err, errno, "openat2", entry, "open the directory of");
    }
    auto_close int fd = mkdirs_in_root(tree->rootfd, parent, 0755, NULL, NULL, err);
    if (fd < 0) return err->saved_errno ? place_fail(err, err->saved_errno, "openat2", entry, "open the directory of") : -1;
    tree->parentfd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (tree->parentfd < 0) return place_fail(err, errno, "openat", entry, "open the directory of");
    tree->real = path_below_root(tree->rootfd, tree->parentfd, err);
    return tree->real ? 0 : -1;
}

static char *below(const char *directory, const char *name, struct rt_error *err)
{
    return rt_printf(err, "%s%s%s", directory, *directory ? "/" : "", name);
}

/* Records that the layer has this path and, by that, its parents. */
static int bring(struct apply_tree *tree, const char *name, struct rt_error *err)
{
    if (!tree->merged || tree->options.archive) return 0;
    auto_free char *path = below(tree->real, name, err);
    if (!path) return -1;
    for (size_t size = strlen(path); size > 0;) {
        if (path_set_has(&tree->brought, path, size)) return 0;
        if (path_set_add(&tree->brought, path, size, err) < 0) return -1;
        while (size > 0 && path[size - 1] != '/') size--;
        if (size > 0) size--;
    }
    return 0;
}

static int set_opaque(int fd, const char *path, struct rt_error *err)
{
    return fsetxattr(fd, opaque_name(), "y", 1, 0) == 0 ? 0 : place_fail(err, errno, "fsetxattr", path, "make opaque");
}

/* ── whiteouts ── */

static bool brought_by_layer(const struct apply_tree *tree, const char *path)
{
    return path_set_has(&tree->brought, path, strlen(path));
}

static int hide_children(struct apply_tree *tree, int fd, const char *path, struct rt_error *err);

/* Merged: takes away what the layers below have at `path`, and keeps what this layer brought there, at whatever depth. */
static int hide(struct apply_tree *tree, int dirfd, const char *name, const char *path, struct rt_error *err)
{
    if (!brought_by_layer(tree, path)) return remove_tree(dirfd, name, NULL, err);
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : place_fail(err, errno, "openat", path, "open");
    return hide_children(tree, fd, path, err);
}

/* Takes over `fd`. The listing is read to its end first, as removing entries may make readdir skip others. */
static int hide_children(struct apply_tree *tree, int fd, const char *path, struct rt_error *err)
{
    auto_dir DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return place_fail(err, errno, "fdopendir", path, "read");
    }
    auto_buf struct buf names = { 0 };
    for (const struct dirent *entry; errno = 0, (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (buf_add(&names, entry->d_name, strlen(entry->d_name) + 1, err) < 0) return -1;
    }
    if (errno != 0) return place_fail(err, errno, "readdir", path, "read");
    for (const char *name = names.data; name && name < names.data + names.size; name += strlen(name) + 1) {
        auto_free char *child = below(path, name, err);
        if (!child || hide(tree, dirfd(dir), name, child, err) < 0) return -1;
    }
    return 0;
}

static int apply_opaque(struct apply_tree *tree, const char *path, struct rt_error *err)
{
    if (!tree->merged) return set_opaque(tree->parentfd, path, err);
    int fd = fcntl(tree->parentfd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return place_fail(err, errno, "fcntl", path, "open");
    tree->stale = true;
    return hide_children(tree, fd, tree->real, err);
}

static int apply_whiteout(struct apply_tree *tree, const char *name, const char *path, struct rt_error *err)
{
    if (!is_file_name(name)) return invalid(err, path, "a whiteout that names no file");
    if (tree->merged) {
        auto_free char *hidden = below(tree->real, name, err);
        tree->stale = true;
        return hidden ? hide(tree, tree->parentfd, name, hidden, err) : -1;
    }
    if (whiteout_make(tree->parentfd, name) == 0) return 0;
    if (errno != EEXIST) return place_fail(err, errno, "mknodat", path, "make the whiteout");
    auto_close int fd = openat(tree->parentfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) return set_opaque(fd, path, err); /* this layer has a directory there: only the lower one goes */
    return errno == ENOTDIR || errno == ELOOP ? 0 : place_fail(err, errno, "openat", path, "open");
}

/* ── objects ── */

static int remember_time(struct apply_tree *tree, const char *path, const struct timespec *mtime, struct rt_error *err)
{
    if (tree->time_count == tree->time_capacity) {
        size_t capacity = tree->time_capacity ? tree->time_capacity * 2 : 256;
        struct directory_time *times = realloc(tree->times, capacity * sizeof *times);
        if (!times) return rt_nomem(err);
        tree->times = times;
        tree->time_capacity = capacity;
    }
    char *copy = rt_strdup(path, err);
    if (!copy) return -1;
    tree->times[tree->time_count++] = (struct directory_time){ .path = copy, .mtime = *mtime };
    return 0;
}

/* Takes away what is in the place of an entry. */
static int make_way(struct apply_tree *tree, const char *name, const struct tar_entry *entry, struct rt_error *err)
{
    struct stat st;
    tree->stale = true;
    if (tree->options.refuse && entry->type == ENTRY_DIR)
        return rt_fail_at(err, entry->path, "NOT_A_DIRECTORY", ENOTDIR, "mkdirat", "cannot unpack the directory '%s': there is something else in its place", entry->path);
    if (tree->options.refuse && fstatat(tree->parentfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
        return rt_fail_at(err, entry->path, "IS_A_DIRECTORY", EISDIR, "openat", "cannot unpack '%s': there is a directory in its place", entry->path);
    return remove_tree(tree->parentfd, name, NULL, err);
}

static int apply_directory(struct apply_tree *tree, const char *name, const char *path, const struct tar_entry *entry, struct rt_error *err)
{
    bool replaced = false;
    struct stat st;
    while (*name && mkdirat(tree->parentfd, name, entry->mode & 01777) < 0) {
        if (errno != EEXIST || replaced) return place_fail(err, errno, "mkdirat", entry->path, "create");
        if (fstatat(tree->parentfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return place_fail(err, errno, "fstatat", entry->path, "read the status of");
        if (S_ISDIR(st.st_mode)) break;
        if (make_way(tree, name, entry, err) < 0) return -1;
        replaced = true;
    }
    auto_close int fd = openat(tree->parentfd, *name ? name : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) return place_fail(err, errno, "openat", entry->path, "open");
    /* What was here hid the lower layers: a whiteout, or a file of this layer. */
    if (replaced && !tree->merged && set_opaque(fd, entry->path, err) < 0) return -1;
    if (place_metadata(fd, &st, entry, err) < 0) return -1;
    return remember_time(tree, path, &entry->mtime, err);
}

static int apply_hard_link(struct apply_tree *tree, const char *name, const struct tar_entry *entry, struct rt_error *err)
{
    auto_free char *target = entry_path(entry->link, err);
    if (!target) return invalid(err, entry->path, "a hard link whose target contains '..'");
    if (*target == '\0') return invalid(err, entry->path, "a hard link without a target");
    const char *base = target;
    auto_close int dir = -1;
    if (tree->merged) dir = open_parent_in_root(tree->rootfd, target, &base, err);
    else {
        const char *slash = strrchr(target, '/');
        base = slash ? slash + 1 : target;
        auto_free char *parent = rt_memdup(target, slash ? (size_t)(slash - target) : 0, err);
        if (!parent) return -1;
        dir = try_open_directory_strictly(tree->rootfd, parent, O_PATH);
    }
    if (dir < 0) return tree->merged ? invalid(err, entry->path, "a hard link to a file that does not exist") : needs_lower(err, entry->path);
    struct stat st, old;
    if (fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) < 0 || (is_whiteout(&st) && !tree->merged))
        return tree->merged ? invalid(err, entry->path, "a hard link to a file that does not exist") : needs_lower(err, entry->path);
    if (S_ISDIR(st.st_mode)) return invalid(err, entry->path, "a hard link to a directory");
    if (fstatat(tree->parentfd, name, &old, AT_SYMLINK_NOFOLLOW) == 0) {
        if (old.st_dev == st.st_dev && old.st_ino == st.st_ino) return 0;
        if (make_way(tree, name, entry, err) < 0) return -1;
    }
    if (linkat(dir, base, tree->parentfd, name, 0) < 0) return place_fail(err, errno, "linkat", entry->path, "create");
    return 0;
}

static int place(struct apply_tree *tree, const char *name, const struct tar_entry *entry, struct tar_reader *reader, struct rt_error *err)
{
    switch (entry->type) {
    case ENTRY_FILE: return place_file(tree->parentfd, name, entry, reader, err);
    case ENTRY_SYMLINK: return place_symlink(tree->parentfd, name, entry, err);
    default: return place_node(tree->parentfd, name, entry, err);
    }
}

static int apply_object(struct apply_tree *tree, const char *name, const char *path, const struct tar_entry *entry, struct tar_reader *reader, struct rt_error *err)
{
    if (entry->type == ENTRY_DIR) return apply_directory(tree, name, path, entry, err);
    if (*name == '\0') return invalid(err, entry->path, "the root must be a directory");
    if (entry->type == ENTRY_HARDLINK) return apply_hard_link(tree, name, entry, err);
    if (entry->type == ENTRY_CHAR && entry->major == 0 && entry->minor == 0) return invalid(err, entry->path, "a 0/0 device is overlayfs' mark for a deleted file");
    int exists = place(tree, name, entry, reader, err);
    if (exists != 1) return exists;
    if (make_way(tree, name, entry, err) < 0) return -1;
    exists = place(tree, name, entry, reader, err);
    return exists == 1 ? place_fail(err, EEXIST, "openat", entry->path, "create") : exists;
}

static int check_limits(struct apply_tree *tree, const struct tar_entry *entry, struct rt_error *err)
{
    tree->entries++;
    if (entry->size > INT64_MAX - tree->bytes) return invalid(err, entry->path, "it is too large");
    tree->bytes += entry->size;
    const struct apply_limits *limits = &tree->options.limits;
    if (limits->entries && tree->entries > limits->entries) return invalid(err, entry->path, "the layer has more entries than the limit");
    if (limits->bytes && tree->bytes > limits->bytes) return invalid(err, entry->path, "the layer's files are larger than the limit");
    return 0;
}

/* 1: the entry was one of a layer's marks, and is done. */
static int apply_mark(struct apply_tree *tree, const struct tar_entry *entry, const char *name, struct rt_error *err)
{
    if (strcmp(name, OPAQUE) == 0) return apply_opaque(tree, entry->path, err) < 0 ? -1 : 1;
    if (strncmp(name, WHITEOUT, sizeof WHITEOUT - 1) != 0) return 0;
    return apply_whiteout(tree, name + sizeof WHITEOUT - 1, entry->path, err) < 0 ? -1 : 1;
}

int apply_entry(struct apply_tree *tree, const struct tar_entry *written, struct tar_reader *reader, struct rt_error *err)
{
    const struct apply_options *options = &tree->options;
    struct tar_entry entry = *written;
    if (options->owned) {
        entry.uid = options->uid;
        entry.gid = options->gid;
    }
    if (check_limits(tree, &entry, err) < 0) return -1;
    auto_free char *path = entry_path(entry.path, err);
    if (!path) return -1;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (options->archive ? *path == '\0' && entry.type == ENTRY_DIR : strncmp(name, ".wh..wh.", 8) == 0 && strcmp(name, OPAQUE) != 0) return 0;
    char *parent = rt_memdup(path, slash ? (size_t)(slash - path) : 0, err);
    if (!parent || open_parent(tree, entry.path, parent, err) < 0) return -1;
    int marked = options->archive ? 0 : apply_mark(tree, &entry, name, err);
    if (marked != 0) return marked < 0 ? -1 : 0;
    if (apply_object(tree, name, path, &entry, reader, err) < 0) return -1;
    return bring(tree, name, err);
}

int apply_finish(struct apply_tree *tree, struct rt_error *err)
{
    for (size_t i = 0; i < tree->time_count; i++) {
        const struct directory_time *directory = &tree->times[i];
        auto_close int fd = tree->merged ? try_open_in_root(tree->rootfd, directory->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
                                         : try_open_directory_strictly(tree->rootfd, directory->path, O_RDONLY);
        if (fd < 0) continue; /* a later entry of the layer took its place */
        const struct timespec times[2] = { directory->mtime, directory->mtime };
        if (futimens(fd, times) < 0) return place_fail(err, errno, "futimens", directory->path, "set the time of");
    }
    return 0;
}
