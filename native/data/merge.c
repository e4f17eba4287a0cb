#include "data/merge.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/path.h"
#include "base/plan.h"
#include "base/util.h"
#include "data/copy-content.h"
#include "data/fresh-file.h"
#include "data/link-map.h"
#include "data/listing.h"
#include "data/place.h"
#include "data/whiteout.h"
#include "data/xattr-policy.h"

struct merge {
    const struct merge_options *options;
    struct stamps *stamps;
    const char *opaque;
    int dest;
    struct buf path;         /* of the entry at hand */
    struct link_map *links;  /* one for each layer */
    struct buf several;      /* paths of files with several names, to be stamped when all have been made */
    struct content_copier content;
    struct xattr_list xattrs;
};

/* The directory at hand in one layer. */
struct source {
    int fd;
    size_t layer;
};

struct found {
    const struct listed *entry;
    const struct source *source;
};

/* `several`: it has other names in its layer, and making those moves its ctime once more. */
static int stamp(struct merge *merge, const struct found *found, int dirfd, bool several, struct rt_error *err)
{
    struct stat st;
    if (found->source->layer < merge->options->fresh) return 0;
    if (fstatat(dirfd, found->entry->name, &st, AT_SYMLINK_NOFOLLOW) < 0) return place_fail(err, errno, "fstatat", merge->path.data, "read the status of the copy of");
    if (!merge->stamps->shared && several) return buf_add(&merge->several, merge->path.data, merge->path.size + 1, err);
    return stamps_add(merge->stamps, dirfd, found->entry->name, merge->path.data, &st, err);
}

/* ── one entry of each kind ── */

static struct tar_entry meta_of(const struct merge *merge, const struct stat *st, enum entry_type type)
{
    return (struct tar_entry){
        .type = type,
        .path = merge->path.data,
        .mode = st->st_mode & 07777,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .mtime = st->st_mtim,
        .major = major(st->st_rdev),
        .minor = minor(st->st_rdev),
    };
}

static int with_xattrs(struct merge *merge, int fd, struct tar_entry *meta, struct rt_error *err)
{
    if (xattr_list_read(fd, &merge->xattrs, err) < 0) return rt_wrap(err, "'%s'", merge->path.data);
    meta->xattrs = merge->xattrs.items;
    meta->xattr_count = merge->xattrs.count;
    return 0;
}

static int copy_file(struct merge *merge, int from, const char *name, const struct stat *st, int dest, struct rt_error *err)
{
    auto_close int file = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return path_fail(err, errno, "openat", merge->path.data, "read");
    struct tar_entry meta = meta_of(merge, st, ENTRY_FILE);
    auto_close int to = fresh_file(dest, name, &meta, err);
    if (to < 0 || content_copy(&merge->content, file, st, to, merge->path.data, NULL, err) < 0) return -1;
    return with_xattrs(merge, file, &meta, err) < 0 ? -1 : fresh_settle(to, &meta, err);
}

__attribute__((noinline)) /* its buffer must not lie in the frames of the recursion */
static int copy_special(struct merge *merge, int from, const char *name, const struct stat *st, int dest, struct rt_error *err)
{
    char target[PATH_MAX];
    enum entry_type type = S_ISLNK(st->st_mode) ? ENTRY_SYMLINK : S_ISFIFO(st->st_mode) ? ENTRY_FIFO : S_ISCHR(st->st_mode) ? ENTRY_CHAR : ENTRY_BLOCK;
    struct tar_entry meta = meta_of(merge, st, type);
    if (type != ENTRY_SYMLINK) return place_node(dest, name, &meta, err);
    ssize_t size = readlinkat(from, name, target, sizeof target - 1);
    if (size < 0) return path_fail(err, errno, "readlinkat", merge->path.data, "read the link");
    target[size] = '\0';
    meta.link = target;
    return place_symlink(dest, name, &meta, err);
}

/* 1: another name of the same file was copied already, and this is a link to it. */
static int copy_link(struct merge *merge, size_t layer, const struct stat *st, int dest, const char *name, struct rt_error *err)
{
    const char *first, *base;
    if (link_map_see(&merge->links[layer], st, merge->path.data, &first, err) < 0) return -1;
    if (!first) return 0;
    auto_close int parent = open_parent_in_root(merge->dest, first, &base, err);
    if (parent < 0) return -1;
    return linkat(parent, base, dest, name, 0) == 0 ? 1 : place_fail(err, errno, "linkat", merge->path.data, "link");
}

static int merge_file(struct merge *merge, const struct found *found, int dest, struct rt_error *err)
{
    const char *name = found->entry->name;
    int from = found->source->fd;
    struct stat st;
    if (!merge->options->copy && linkat(from, name, dest, name, 0) == 0) return stamp(merge, found, dest, true, err);
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return path_fail(err, errno, "fstatat", merge->path.data, "read the status of");
    int linked = copy_link(merge, found->source->layer, &st, dest, name, err);
    if (linked < 0) return -1;
    int result = linked ? 0 : S_ISREG(st.st_mode) ? copy_file(merge, from, name, &st, dest, err) : copy_special(merge, from, name, &st, dest, err);
    if (result == 1) return place_fail(err, EEXIST, "openat", merge->path.data, "create the copy of");
    return result < 0 ? -1 : stamp(merge, found, dest, st.st_nlink > 1, err);
}

/* ── directories ── */

static int merge_directory(struct merge *merge, const struct source *sources, size_t count, int dest, struct rt_error *err);

/* Opens what lies on each other under one name, down to the first that hides the rest. */
static int open_sources(struct merge *merge, const struct found *group, size_t count, struct source *sources, size_t *opened, struct rt_error *err)
{
    for (*opened = 0; *opened < count; (*opened)++) {
        const struct found *found = &group[*opened];
        if (found->entry->whiteout || found->entry->type != DT_DIR) return 0;
        int fd = openat(found->source->fd, found->entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0) return path_fail(err, errno, "openat", merge->path.data, "read the directory");
        sources[*opened] = (struct source){ .fd = fd, .layer = found->source->layer };
        if (is_opaque(fd, merge->opaque)) {
            (*opened)++;
            return 0;
        }
    }
    return 0;
}

static int make_directory(struct merge *merge, const struct source *sources, size_t count, int dest, const struct found *found, struct rt_error *err)
{
    const char *name = found->entry->name;
    if (mkdirat(dest, name, 0700) < 0) return place_fail(err, errno, "mkdirat", merge->path.data, "create the copy of");
    auto_close int fd = openat(dest, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return place_fail(err, errno, "openat", merge->path.data, "open the copy of");
    if (merge_directory(merge, sources, count, fd, err) < 0) return -1;
    /* Changed or not, it is the one of the layers below as long as it shows something of them. */
    const struct found lowest = { .entry = found->entry, .source = &sources[count - 1] };
    return stamp(merge, &lowest, dest, false, err);
}

static int merge_name(struct merge *merge, const struct found *group, size_t count, int dest, struct rt_error *err)
{
    const struct listed *entry = group->entry;
    if (entry->whiteout || entry->type == DT_SOCK) return 0;
    size_t mark = merge->path.size, opened = 0;
    if (buf_printf(&merge->path, err, "%s%s", mark ? "/" : "", entry->name) < 0) return -1;
    int result;
    if (entry->type == DT_DIR) {
        struct source *sources = calloc(count, sizeof *sources);
        if (!sources) return rt_nomem(err);
        result = open_sources(merge, group, count, sources, &opened, err);
        if (result == 0) result = make_directory(merge, sources, opened, dest, group, err);
        for (size_t i = 0; i < opened; i++) util_close(&sources[i].fd);
        free(sources);
    } else result = merge_file(merge, group, dest, err);
    buf_cut(&merge->path, mark);
    return result;
}

static int by_name_and_layer(const void *left, const void *right)
{
    const struct found *a = left, *b = right;
    int order = strcmp(a->entry->name, b->entry->name);
    return order ? order : a->source->layer < b->source->layer ? -1 : 1;
}

static int merge_names(struct merge *merge, struct found *found, size_t count, int dest, struct rt_error *err)
{
    if (count > 1) qsort(found, count, sizeof *found, by_name_and_layer);
    for (size_t i = 0, end; i < count; i = end) {
        if (plan_check(err) < 0) return -1;
        for (end = i + 1; end < count && strcmp(found[end].entry->name, found[i].entry->name) == 0;) end++;
        if (merge_name(merge, &found[i], end - i, dest, err) < 0) return -1;
    }
    return 0;
}

static int merge_listings(struct merge *merge, const struct source *sources, size_t count, struct listing *listings, int dest, struct rt_error *err)
{
    size_t total = 0, at = 0;
    for (size_t i = 0; i < count; i++) {
        if (listing_read(sources[i].fd, LISTING_BY_NAME, true, &listings[i], err) < 0) return rt_wrap(err, "cannot read '/%s'", merge->path.data);
        total += listings[i].count;
    }
    auto_free struct found *found = calloc(total + 1, sizeof *found);
    if (!found) return rt_nomem(err);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < listings[i].count; k++) found[at++] = (struct found){ .entry = &listings[i].entries[k], .source = &sources[i] };
    return merge_names(merge, found, total, dest, err);
}

/* `sources`: the directories that lie on each other, top-most first; the first says what the directory itself is. */
static int merge_directory(struct merge *merge, const struct source *sources, size_t count, int dest, struct rt_error *err)
{
    struct listing *listings = calloc(count, sizeof *listings);
    if (!listings) return rt_nomem(err);
    int result = merge_listings(merge, sources, count, listings, dest, err);
    for (size_t i = 0; i < count; i++) listing_free(&listings[i]);
    free(listings);
    if (result < 0) return -1;
    struct stat st;
    if (fstat(sources[0].fd, &st) < 0) return path_fail(err, errno, "fstat", merge->path.data, "read the status of");
    struct tar_entry meta = meta_of(merge, &st, ENTRY_DIR);
    return with_xattrs(merge, sources[0].fd, &meta, err) < 0 ? -1 : fresh_settle(dest, &meta, err);
}

static int stamp_several(struct merge *merge, struct rt_error *err)
{
    const char *end = merge->several.data + merge->several.size;
    for (const char *path = merge->several.data; path && path < end; path += strlen(path) + 1) {
        const char *name;
        struct stat st;
        auto_close int parent = open_parent_in_root(merge->dest, path, &name, err);
        if (parent < 0) return -1;
        if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return place_fail(err, errno, "fstatat", path, "read the status of the copy of");
        if (stamps_add(merge->stamps, parent, name, path, &st, err) < 0) return -1;
    }
    return 0;
}

static int run(struct merge *merge, struct source *sources, size_t *opened, struct rt_error *err)
{
    const struct merge_options *options = merge->options;
    if (buf_str(&merge->path, "", err) < 0) return -1;
    for (; *opened < options->count; (*opened)++) {
        const char *path = options->layers[*opened];
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) return path_fail(err, errno, "open", path, "open the directory");
        sources[*opened] = (struct source){ .fd = fd, .layer = *opened };
    }
    return merge_directory(merge, sources, options->count, merge->dest, err) < 0 ? -1 : stamp_several(merge, err);
}

int merge_layers(const struct merge_options *options, int dest, struct stamps *stamps, struct rt_error *err)
{
    struct merge merge = { .options = options, .stamps = stamps, .opaque = opaque_name(), .dest = dest, .content = { .settled = true } };
    struct source *sources = calloc(options->count + 1, sizeof *sources);
    merge.links = calloc(options->count + 1, sizeof *merge.links);
    stamps->shared = !options->copy;
    size_t opened = 0;
    int result = sources && merge.links ? run(&merge, sources, &opened, err) : rt_nomem(err);
    for (size_t i = 0; i < opened; i++) util_close(&sources[i].fd);
    for (size_t i = 0; merge.links && i < options->count; i++) link_map_free(&merge.links[i]);
    free(merge.links);
    free(sources);
    buf_free(&merge.path);
    buf_free(&merge.several);
    content_copier_free(&merge.content);
    xattr_list_free(&merge.xattrs);
    return result;
}
