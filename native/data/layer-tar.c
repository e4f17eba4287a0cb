#include "data/layer-tar.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/path.h"
#include "base/plan.h"
#include "base/userns.h"
#include "data/layer-markers.h"
#include "data/layer-same.h"
#include "data/link-map.h"
#include "data/listing.h"
#include "data/tar.h"
#include "data/xattr-policy.h"

struct packer {
    const struct tar_options *options;
    struct output *output;
    struct tar_counts *counts;
    bool trusted; /* marks are trusted attributes; else owners and devices may be written down in others */
    struct buf path; /* of the entry at hand */
    struct link_map links;
    struct xattr_list xattrs;
    const char *as; /* name of the first entry in the archive; NULL: its own */
    bool skipping; /* the entry to resume with has not come yet */
    uint64_t marked; /* offset of the last mark */
    struct rt_error *err;
};

static int pack_fail(struct packer *packer, int errnum, const char *syscall)
{
    const char *path = packer->path.size ? packer->path.data : "/";
    return rt_fail_at(packer->err, path, "NATIVE_FAILED", errnum, syscall, "cannot read '%s'", path);
}

static int push(struct packer *packer, const char *name, struct rt_error *err)
{
    return buf_printf(&packer->path, err, "%s%s", packer->path.size ? "/" : "", name);
}

static const char *overlay_xattr(const struct packer *packer, bool opaque)
{
    if (opaque) return packer->trusted ? "trusted.overlay.opaque" : "user.overlay.opaque";
    return layer_mark_name(packer->trusted);
}

static bool has_xattr(int fd, const char *name, char value)
{
    char found[2];
    return fgetxattr(fd, name, found, sizeof found) == 1 && found[0] == value;
}

/* ── one entry ── */

static struct tar_entry entry_of(const struct packer *packer, const struct stat *st, enum entry_type type)
{
    time_t seconds = st->st_mtim.tv_sec;
    if (packer->options->clamp && seconds >= packer->options->clamp_seconds) seconds = (time_t)packer->options->clamp_seconds;
    return (struct tar_entry){
        .type = type,
        .path = packer->path.data,
        .mode = st->st_mode & 07777,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .mtime.tv_sec = seconds,
    };
}

/* Marks come in front of entries, so that a later archive can begin with one. */
static int mark(struct packer *packer, const char *name)
{
    struct tar_marks *marks = packer->options->marks;
    const uint64_t offset = output_size(packer->output);
    if (!marks || offset - packer->marked < TAR_MARK_EVERY) return 0;
    const struct tar_mark here = { .name = (char *)name, .offset = offset, .entries = packer->counts->entries, .bytes = packer->counts->bytes };
    size_t number;
    packer->marked = offset;
    return output_mark(packer->output, &number, packer->err) < 0 ? -1 : tar_marks_add(marks, &here, packer->err);
}

/* 1: the entry lies before the one to resume with. */
static int pass_marks(struct packer *packer, const struct tar_entry *entry)
{
    if (!packer->options->marks && !packer->skipping) return 0;
    auto_free char *name = rt_printf(packer->err, "%s%s", entry->path, entry->type == ENTRY_DIR ? "/" : "");
    if (!name) return -1;
    const struct tar_mark *resume = packer->options->resume;
    if (packer->skipping) {
        if (strcmp(name, resume->name) != 0) return 1;
        packer->skipping = false;
        packer->counts->entries = resume->entries;
        packer->counts->bytes = resume->bytes;
        packer->marked = resume->offset;
    }
    return mark(packer, name);
}

/* 1: nothing was written of the entry, and its content must not be. */
static int write_entry(struct packer *packer, struct tar_entry *entry)
{
    int passed = pass_marks(packer, entry);
    if (passed != 0) return passed;
    packer->counts->entries++;
    packer->counts->bytes += entry->type == ENTRY_FILE ? entry->size : 0;
    return tar_write_header(packer->output, entry, packer->err);
}

static int with_xattrs(struct packer *packer, int fd, struct tar_entry *entry)
{
    if (xattr_list_read(fd, &packer->xattrs, packer->err) < 0) return -1;
    entry->xattrs = packer->xattrs.items;
    entry->xattr_count = packer->xattrs.count;
    return 0;
}

/* A marker entry (".wh.…") has no metadata of its own; fixed values keep the bytes canonical. */
static int write_marker(struct packer *packer, const char *name)
{
    size_t at = packer->path.size;
    if (push(packer, name, packer->err) < 0) return -1;
    struct tar_entry entry = { .type = ENTRY_FILE, .path = packer->path.data };
    int result = write_entry(packer, &entry) < 0 ? -1 : 0;
    buf_cut(&packer->path, at);
    return result;
}

/* 1: the inode has an entry already, and this one was written as a hard link to it. */
static int pack_link(struct packer *packer, const struct stat *st, struct tar_entry *entry)
{
    const char *first;
    if (link_map_see(&packer->links, st, packer->path.data, &first, packer->err) < 0) return -1;
    if (!first) return 0;
    entry->type = ENTRY_HARDLINK;
    entry->link = first;
    return write_entry(packer, entry) < 0 ? -1 : 1;
}

static int settle_time(struct packer *packer, int dirfd, const char *name, const struct stat *st)
{
    const struct tar_options *options = packer->options;
    bool late = options->clamp && (st->st_mtim.tv_sec > options->clamp_seconds || (st->st_mtim.tv_sec == options->clamp_seconds && st->st_mtim.tv_nsec > 0));
    if (!options->settle || !late) return 0;
    const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = (time_t)options->clamp_seconds } };
    return utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : pack_fail(packer, errno, "utimensat");
}

static int copy_content(struct packer *packer, int fd, uint64_t size)
{
    for (uint64_t left = size; left > 0;) {
        size_t room;
        unsigned char *at = output_room(packer->output, &room, packer->err);
        if (!at) return -1;
        ssize_t n = read(fd, at, room < left ? room : (size_t)left);
        if (n < 0 && errno == EINTR && !plan_cancelled()) continue;
        if (n < 0) return pack_fail(packer, errno, "read");
        if (n == 0)
            return rt_fail_at(packer->err, packer->path.data, "FILE_CHANGED", 0, NULL, "'%s' became shorter while it was read", packer->path.data);
        output_filled(packer->output, (size_t)n);
        left -= (size_t)n;
    }
    return tar_write_padding(packer->output, size, packer->err);
}

/* O_NOATIME: reading must not write the inode back; only the owner may ask for it. */
static int open_file(int dirfd, const char *name)
{
    const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int fd = openat(dirfd, name, flags | O_NOATIME);
    return fd >= 0 || errno != EPERM ? fd : openat(dirfd, name, flags);
}

/* "0 42": the owner that `apply` could not give it. */
static void owner_from_file(const struct packer *packer, int fd, struct tar_entry *entry)
{
    char text[32];
    unsigned uid, gid;
    ssize_t n = !packer->trusted ? fgetxattr(fd, XATTR_OWNER, text, sizeof text - 1) : -1;
    if (n <= 0) return;
    text[n] = '\0';
    if (sscanf(text, "%u %u", &uid, &gid) != 2) return;
    entry->uid = uid;
    entry->gid = gid;
}

/* "c 1 3": the device that `apply` could not make. */
static bool node_from_file(int fd, struct tar_entry *entry)
{
    char text[64], kind;
    ssize_t n = fgetxattr(fd, XATTR_NODE, text, sizeof text - 1);
    if (n <= 0) return false;
    text[n] = '\0';
    if (sscanf(text, "%c %u %u", &kind, &entry->major, &entry->minor) != 3 || (kind != 'c' && kind != 'b')) return false;
    entry->type = kind == 'c' ? ENTRY_CHAR : ENTRY_BLOCK;
    entry->xattr_count = 0;
    return true;
}

static int pack_file(struct packer *packer, int dirfd, const char *name, int lowerfd)
{
    auto_close int fd = open_file(dirfd, name);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) return pack_fail(packer, errno, "openat");
    if (!S_ISREG(st.st_mode)) return rt_fail_at(packer->err, packer->path.data, "FILE_CHANGED", 0, NULL, "'%s' was replaced while it was read", packer->path.data);
    struct tar_entry entry = entry_of(packer, &st, ENTRY_FILE);
    owner_from_file(packer, fd, &entry);
    int linked = pack_link(packer, &st, &entry);
    if (linked != 0) return linked < 0 ? -1 : 0;
    if (with_xattrs(packer, fd, &entry) < 0) return -1;
    if (lowerfd >= 0 && st.st_nlink == 1u + packer->options->names_elsewhere) {
        int same = layer_same_file(lowerfd, name, fd, &st, &packer->xattrs, packer->err);
        if (same < 0) return -1;
        if (same) return packer->options->settle && unlinkat(dirfd, name, 0) < 0 ? pack_fail(packer, errno, "unlinkat") : 0;
    }
    if (st.st_size == 0 && !packer->trusted && node_from_file(fd, &entry)) return write_entry(packer, &entry) < 0 ? -1 : 0;
    entry.size = (uint64_t)st.st_size;
    if (settle_time(packer, dirfd, name, &st) < 0) return -1;
    int passed = write_entry(packer, &entry);
    return passed < 0 ? -1 : passed ? 0 : copy_content(packer, fd, entry.size);
}

/* Links, devices and FIFOs: nothing of them is opened. */
__attribute__((noinline)) /* its buffer must not lie in the frames of the recursion */
static int pack_special(struct packer *packer, int dirfd, const char *name, int lowerfd)
{
    struct stat st;
    char target[PATH_MAX];
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return pack_fail(packer, errno, "fstatat");
    struct tar_entry entry = entry_of(packer, &st, ENTRY_SYMLINK);
    int linked = pack_link(packer, &st, &entry);
    if (linked != 0) return linked < 0 ? -1 : 0;
    switch (st.st_mode & S_IFMT) {
    case S_IFLNK: {
        ssize_t n = readlinkat(dirfd, name, target, sizeof target - 1);
        if (n < 0) return pack_fail(packer, errno, "readlinkat");
        target[n] = '\0';
        entry.link = target;
        entry.mode = 0777;
        break;
    }
    case S_IFIFO: entry.type = ENTRY_FIFO; break;
    case S_IFCHR:
    case S_IFBLK:
        entry.type = S_ISCHR(st.st_mode) ? ENTRY_CHAR : ENTRY_BLOCK;
        entry.major = major(st.st_rdev);
        entry.minor = minor(st.st_rdev);
        break;
    default: return rt_fail_at(packer->err, packer->path.data, "FILE_CHANGED", 0, NULL, "'%s' was replaced while it was read", packer->path.data);
    }
    if (lowerfd >= 0 && st.st_nlink == 1u + packer->options->names_elsewhere && layer_same_special(lowerfd, name, &st, entry.link))
        return packer->options->settle && unlinkat(dirfd, name, 0) < 0 ? pack_fail(packer, errno, "unlinkat") : 0;
    return settle_time(packer, dirfd, name, &st) < 0 || write_entry(packer, &entry) < 0 ? -1 : 0;
}

/* ── directories ── */

static int pack_directory(struct packer *packer, int fd, int lowerfd, bool root);

/* The child at hand and all below it come before the entry to resume with. Entries come in the order of their names, so none of it can follow. */
static bool lies_before(const struct packer *packer, const struct listed *child)
{
    const char *resume = packer->options->resume->name;
    const size_t size = packer->path.size;
    if (strncmp(packer->path.data, resume, size) != 0) return true;
    return child->type == DT_DIR ? resume[size] != '/' : resume[size] != '\0';
}

static int pack_child(struct packer *packer, int dirfd, const struct listed *child, int lowerfd)
{
    size_t at = packer->path.size;
    int result = 0;
    if (plan_check(packer->err) < 0) return -1;
    if (child->whiteout && packer->options->view == VIEW_PLAIN) return 0;
    if (child->whiteout) {
        auto_free char *name = rt_printf(packer->err, ".wh.%s", child->name);
        return name ? write_marker(packer, name) : -1;
    }
    if (push(packer, packer->path.size == 0 && packer->as ? packer->as : child->name, packer->err) < 0) return -1;
    if (packer->options->view != VIEW_PLAIN && strncmp(child->name, ".wh.", 4) == 0)
        return rt_fail_at(packer->err, packer->path.data, "LAYER_INVALID", 0, NULL, "'%s' cannot be kept in a layer: names starting with '.wh.' mark deleted files", packer->path.data);
    if (packer->skipping && lowerfd < 0 && lies_before(packer, child)) {
        buf_cut(&packer->path, at);
        return 0;
    }
    if (child->type == DT_DIR) {
        auto_close int fd = openat(dirfd, child->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        auto_close int lower = fd >= 0 && lowerfd >= 0 ? openat(lowerfd, child->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        result = fd < 0 ? pack_fail(packer, errno, "openat") : pack_directory(packer, fd, lower, false);
        /* Nothing but a directory that equals the lower's is left of it. */
        if (result == 0 && packer->options->settle && lower >= 0 && has_xattr(fd, overlay_xattr(packer, false), 'y')) unlinkat(dirfd, child->name, AT_REMOVEDIR);
    } else if (child->type == DT_REG) result = pack_file(packer, dirfd, child->name, lowerfd);
    else if (child->type != DT_SOCK) result = pack_special(packer, dirfd, child->name, lowerfd); /* a socket means nothing without its process */
    buf_cut(&packer->path, at);
    return result;
}

/* Whether the directory's own entry is left out. In the compared view the outcome may be written down as the mark. */
static int is_unchanged(struct packer *packer, int fd, int lowerfd, bool opaque, const struct stat *st)
{
    const struct tar_options *options = packer->options;
    const char *mark = overlay_xattr(packer, false);
    if (options->view == VIEW_PLAIN) return 0;
    if (options->view == VIEW_MARKED) return has_xattr(fd, mark, 'y');
    int same = !opaque && lowerfd >= 0 ? layer_same_directory(lowerfd, st, &packer->xattrs, packer->err) : 0;
    if (same < 0 || !options->settle) return same;
    if (same && fsetxattr(fd, mark, "y", 1, 0) < 0) return pack_fail(packer, errno, "fsetxattr");
    if (!same && fremovexattr(fd, mark) < 0 && errno != ENODATA && errno != ENOTSUP) return pack_fail(packer, errno, "fremovexattr");
    return same;
}

/* An empty root that nobody changed is no entry; the default is what `mkdir` of the store makes. */
static bool is_default_root(const struct stat *st, const struct xattr_list *xattrs)
{
    return (st->st_mode & 07777) == 0755 && st->st_uid == 0 && st->st_gid == 0 && xattrs->count == 0;
}

static int list(struct packer *packer, int fd, int lowerfd, bool *opaque, struct listing *out)
{
    const struct tar_options *options = packer->options;
    bool whiteouts = options->view != VIEW_PLAIN || options->raw;
    const char *path = packer->path.size ? packer->path.data : "";
    if (listing_read(fd, LISTING_BY_TAR_NAME, whiteouts, out, packer->err) < 0) return rt_wrap(packer->err, "cannot read '/%s'", path);
    if (!options->settle) return 0;
    const struct layer_markers where = { .dirfd = fd, .lowerfd = lowerfd, .opaque = overlay_xattr(packer, true), .path = path };
    int found = layer_markers_settle(&where, out, &packer->counts->marker_names, packer->err);
    if (found <= 0) return found;
    *opaque = has_xattr(fd, where.opaque, 'y');
    listing_free(out);
    lseek(fd, 0, SEEK_SET);
    return listing_read(fd, LISTING_BY_TAR_NAME, whiteouts, out, packer->err);
}

/* What was taken out of the directory has moved its time, and its entry, which is written already, tells the one that it had. */
static int settle_directory(struct packer *packer, int fd, const struct stat *st)
{
    struct stat now;
    const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, st->st_mtim };
    if (!packer->options->settle) return 0;
    if (fstat(fd, &now) < 0) return pack_fail(packer, errno, "fstat");
    bool moved = now.st_mtim.tv_sec != st->st_mtim.tv_sec || now.st_mtim.tv_nsec != st->st_mtim.tv_nsec;
    if (moved && futimens(fd, times) < 0) return pack_fail(packer, errno, "futimens");
    return settle_time(packer, fd, ".", st);
}

static int pack_directory(struct packer *packer, int fd, int lowerfd, bool root)
{
    struct stat st;
    if (fstat(fd, &st) < 0) return pack_fail(packer, errno, "fstat");
    bool layered = packer->options->view != VIEW_PLAIN;
    bool opaque = layered && has_xattr(fd, overlay_xattr(packer, true), 'y');
    struct tar_entry entry = entry_of(packer, &st, ENTRY_DIR);
    owner_from_file(packer, fd, &entry);
    if (root) entry.path = ".";
    if (with_xattrs(packer, fd, &entry) < 0) return -1;
    int unchanged = is_unchanged(packer, fd, lowerfd, opaque, &st);
    if (unchanged < 0) return -1;
    bool silent = unchanged || (root && lowerfd < 0 && is_default_root(&st, &packer->xattrs));
    if (!silent && write_entry(packer, &entry) < 0) return -1;
    if (packer->options->progress && progress_report(packer->options->progress, output_size(packer->output), packer->err) < 0) return -1;

    auto_listing struct listing listing = { 0 };
    if (list(packer, fd, opaque ? -1 : lowerfd, &opaque, &listing) < 0) return -1;
    if (opaque && write_marker(packer, ".wh..wh..opq") < 0) return -1;
    for (size_t i = 0; i < listing.count; i++)
        if (pack_child(packer, fd, &listing.entries[i], opaque ? -1 : lowerfd) < 0) return -1;
    return settle_directory(packer, fd, &st);
}

static void packer_free(struct packer *packer)
{
    buf_free(&packer->path);
    link_map_free(&packer->links);
    xattr_list_free(&packer->xattrs);
}

int layer_tar(int rootfd, const struct tar_options *options, struct output *output, struct tar_counts *counts, struct rt_error *err)
{
    struct packer packer = { .options = options, .output = output, .counts = counts, .trusted = has_trusted_attributes(), .skipping = options->resume != NULL, .err = err };
    auto_close int fd = openat(rootfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = buf_str(&packer.path, "", err);
    if (result == 0) result = fd < 0 ? pack_fail(&packer, errno, "openat") : pack_directory(&packer, fd, options->lowerfd, true);
    if (result == 0 && packer.skipping) result = rt_fail_at(err, options->resume->name, "FILE_CHANGED", 0, NULL, "'%s' went away", options->resume->name);
    packer_free(&packer);
    return result;
}

int layer_tar_entry(int dirfd, const char *name, const char *as, const struct tar_options *options, struct output *output, struct tar_counts *counts, struct rt_error *err)
{
    struct packer packer = { .options = options, .output = output, .counts = counts, .trusted = has_trusted_attributes(), .err = err };
    struct stat st;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return path_fail(err, errno, "fstatat", as, "read the status of");
    const struct listed entry = { .name = name, .type = (unsigned char)IFTODT(st.st_mode) };
    packer.as = as;
    int result = pack_child(&packer, dirfd, &entry, -1);
    packer_free(&packer);
    return result;
}
