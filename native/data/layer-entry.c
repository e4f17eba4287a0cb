#include "data/layer-entry.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/plan.h"
#include "data/layer-same.h"

int pack_fail(struct packer *packer, int errnum, const char *syscall)
{
    const char *path = packer->path.size ? packer->path.data : "/";
    return rt_fail_at(packer->err, path, "NATIVE_FAILED", errnum, syscall, "cannot read '%s'", path);
}

int pack_push(struct packer *packer, const char *name, struct rt_error *err)
{
    return buf_printf(&packer->path, err, "%s%s", packer->path.size ? "/" : "", name);
}

struct tar_entry pack_entry_of(const struct packer *packer, const struct stat *st, enum entry_type type)
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
int pack_entry(struct packer *packer, struct tar_entry *entry)
{
    int passed = pass_marks(packer, entry);
    if (passed != 0) return passed;
    packer->counts->entries++;
    packer->counts->bytes += entry->type == ENTRY_FILE ? entry->size : 0;
    return tar_write_header(packer->output, entry, packer->err);
}

int pack_xattrs(struct packer *packer, int fd, struct tar_entry *entry)
{
    if (xattr_list_read(fd, &packer->xattrs, packer->err) < 0) return -1;
    entry->xattrs = packer->xattrs.items;
    entry->xattr_count = packer->xattrs.count;
    return 0;
}

/* A marker entry (".wh.…") has no metadata of its own; fixed values keep the bytes canonical. */
int pack_marker(struct packer *packer, const char *name)
{
    size_t at = packer->path.size;
    if (pack_push(packer, name, packer->err) < 0) return -1;
    struct tar_entry entry = { .type = ENTRY_FILE, .path = packer->path.data };
    int result = pack_entry(packer, &entry) < 0 ? -1 : 0;
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
    return pack_entry(packer, entry) < 0 ? -1 : 1;
}

int pack_settle_time(struct packer *packer, int dirfd, const char *name, const struct stat *st)
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
void pack_owner(const struct packer *packer, int fd, struct tar_entry *entry)
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

int pack_file(struct packer *packer, int dirfd, const char *name, int lowerfd)
{
    auto_close int fd = open_file(dirfd, name);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) return pack_fail(packer, errno, "openat");
    if (!S_ISREG(st.st_mode)) return rt_fail_at(packer->err, packer->path.data, "FILE_CHANGED", 0, NULL, "'%s' was replaced while it was read", packer->path.data);
    struct tar_entry entry = pack_entry_of(packer, &st, ENTRY_FILE);
    pack_owner(packer, fd, &entry);
    int linked = pack_link(packer, &st, &entry);
    if (linked != 0) return linked < 0 ? -1 : 0;
    if (pack_xattrs(packer, fd, &entry) < 0) return -1;
    if (lowerfd >= 0 && st.st_nlink == 1u + packer->options->names_elsewhere) {
        int same = layer_same_file(lowerfd, name, fd, &st, &packer->xattrs, packer->err);
        if (same < 0) return -1;
        if (same) return packer->options->settle && unlinkat(dirfd, name, 0) < 0 ? pack_fail(packer, errno, "unlinkat") : 0;
    }
    if (st.st_size == 0 && !packer->trusted && node_from_file(fd, &entry)) return pack_entry(packer, &entry) < 0 ? -1 : 0;
    entry.size = (uint64_t)st.st_size;
    if (pack_settle_time(packer, dirfd, name, &st) < 0) return -1;
    int passed = pack_entry(packer, &entry);
    return passed < 0 ? -1 : passed ? 0 : copy_content(packer, fd, entry.size);
}

/* Links, devices and FIFOs: nothing of them is opened. */
__attribute__((noinline)) /* its buffer must not lie in the frames of the recursion */
int pack_special(struct packer *packer, int dirfd, const char *name, int lowerfd)
{
    struct stat st;
    char target[PATH_MAX];
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return pack_fail(packer, errno, "fstatat");
    struct tar_entry entry = pack_entry_of(packer, &st, ENTRY_SYMLINK);
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
    return pack_settle_time(packer, dirfd, name, &st) < 0 || pack_entry(packer, &entry) < 0 ? -1 : 0;
}
