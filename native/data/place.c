#include "data/place.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/userns.h"
#include "base/util.h"
#include "data/xattr-policy.h"

#define HOLE (32u << 10) /* runs of zeros this long, and aligned to it, become holes */

int place_fail(struct rt_error *err, int errnum, const char *syscall, const char *path, const char *what)
{
    if (errnum == ENAMETOOLONG || errnum == ELOOP || errnum == ENOTDIR)
        return rt_fail_at(err, path, "LAYER_INVALID", errnum, syscall, "cannot %s '%s'", what, path);
    return rt_fail_at(err, path, "NATIVE_FAILED", errnum, syscall, "cannot %s '%s'", what, path);
}

static int owner_fail(struct rt_error *err, const struct tar_entry *entry)
{
    if (errno != EINVAL) return place_fail(err, errno, "fchown", entry->path, "set the owner of");
    return rt_fail_at(err, entry->path, "FEATURE_MISSING", errno, "fchown", "cannot give '%s' to %u:%u: the user namespace does not map these ids",
                      entry->path, entry->uid, entry->gid);
}

static int xattr_fail(struct rt_error *err, const struct tar_entry *entry, const char *name)
{
    bool unsupported = errno == ENOTSUP || errno == EPERM;
    return rt_fail_at(err, entry->path, unsupported ? "FEATURE_MISSING" : "NATIVE_FAILED", errno, "setxattr", "cannot set '%s' of '%s'", name, entry->path);
}

/* user.* exists on files and directories only; such a record on anything else says nothing. */
static bool applies(const struct xattr *xattr, enum entry_type type)
{
    if (!xattr_belongs_to_layer(xattr->name)) return false;
    return type == ENTRY_FILE || type == ENTRY_HARDLINK || type == ENTRY_DIR || strncmp(xattr->name, "user.", 5) != 0;
}

/* Where root is the only user there is, it has the file, and the owner is written down. */
static int give(int fd, const struct tar_entry *entry, struct rt_error *err)
{
    char owner[32];
    if (fchown(fd, entry->uid, entry->gid) == 0) return 0;
    if (errno != EINVAL || !has_single_id()) return owner_fail(err, entry);
    snprintf(owner, sizeof owner, "%u %u", entry->uid, entry->gid);
    return fsetxattr(fd, XATTR_OWNER, owner, strlen(owner), 0) == 0 ? 0 : xattr_fail(err, entry, XATTR_OWNER);
}

int place_metadata(int fd, const struct stat *have, const struct tar_entry *entry, struct rt_error *err)
{
    bool chown = have->st_uid != entry->uid || have->st_gid != entry->gid;
    if (chown && give(fd, entry, err) < 0) return -1;
    /* A change of owner clears setuid and setgid. */
    bool chmod = (have->st_mode & 07777) != entry->mode || (chown && entry->mode & 06000);
    if (chmod && fchmod(fd, entry->mode) < 0) return place_fail(err, errno, "fchmod", entry->path, "set the mode of");
    for (size_t i = 0; i < entry->xattr_count; i++) {
        const struct xattr *xattr = &entry->xattrs[i];
        if (applies(xattr, entry->type) && fsetxattr(fd, xattr->name, xattr->value, xattr->size, 0) < 0) return xattr_fail(err, entry, xattr->name);
    }
    return 0;
}

static bool all_zero(const unsigned char *data, size_t size)
{
    return data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

int place_bytes(int fd, const unsigned char *data, size_t size, uint64_t offset)
{
    while (size > 0) {
        size_t chunk = HOLE - offset % HOLE, run = 0;
        if (chunk > size) chunk = size;
        bool hole = chunk == HOLE && all_zero(data, chunk);
        /* One write for all chunks up to the next hole. */
        while (!hole && run < size) {
            size_t next = HOLE - (offset + run) % HOLE;
            if (next > size - run) next = size - run;
            if (run > 0 && next == HOLE && all_zero(data + run, next)) break;
            run += next;
        }
        for (size_t done = 0; done < run;) {
            ssize_t n = pwrite(fd, data + done, run - done, (off_t)(offset + done));
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) return -1;
            done += (size_t)n;
        }
        size_t step = hole ? chunk : run;
        data += step;
        size -= step;
        offset += step;
    }
    return 0;
}

static int write_content(int fd, const struct tar_entry *entry, struct tar_reader *reader, struct rt_error *err)
{
    for (;;) {
        const unsigned char *data;
        uint64_t offset;
        ssize_t n = tar_content(reader, &data, &offset, err);
        if (n < 0) return -1;
        if (n == 0) break;
        if (place_bytes(fd, data, (size_t)n, offset) < 0) return place_fail(err, errno, "pwrite", entry->path, "write");
    }
    struct stat st;
    if (fstat(fd, &st) < 0) return place_fail(err, errno, "fstat", entry->path, "read the status of");
    if ((uint64_t)st.st_size != entry->size && ftruncate(fd, (off_t)entry->size) < 0) return place_fail(err, errno, "ftruncate", entry->path, "write");
    return place_metadata(fd, &st, entry, err);
}

static void times_of(const struct tar_entry *entry, struct timespec times[2])
{
    times[0] = times[1] = entry->mtime;
}

int place_file(int dirfd, const char *name, const struct tar_entry *entry, struct tar_reader *reader, struct rt_error *err)
{
    auto_close int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, entry->mode & 0777);
    if (fd < 0) return errno == EEXIST ? 1 : place_fail(err, errno, "openat", entry->path, "create");
    if (write_content(fd, entry, reader, err) < 0) return -1;
    struct timespec times[2];
    times_of(entry, times);
    return futimens(fd, times) == 0 ? 0 : place_fail(err, errno, "futimens", entry->path, "set the time of");
}

/* For what cannot be opened without effects: links, devices, FIFOs. */
static int metadata_at(int dirfd, const char *name, const struct tar_entry *entry, struct rt_error *err)
{
    if (fchownat(dirfd, name, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW) < 0) return owner_fail(err, entry);
    if (entry->type != ENTRY_SYMLINK && fchmodat(dirfd, name, entry->mode, AT_SYMLINK_NOFOLLOW) < 0)
        return place_fail(err, errno, "fchmodat", entry->path, "set the mode of");
    for (size_t i = 0; i < entry->xattr_count; i++) {
        const struct xattr *xattr = &entry->xattrs[i];
        if (!applies(xattr, entry->type)) continue;
        auto_free char *path = rt_printf(err, "/proc/self/fd/%d/%s", dirfd, name);
        if (!path) return -1;
        if (lsetxattr(path, xattr->name, xattr->value, xattr->size, 0) < 0) return xattr_fail(err, entry, xattr->name);
    }
    struct timespec times[2];
    times_of(entry, times);
    if (utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW) < 0) return place_fail(err, errno, "utimensat", entry->path, "set the time of");
    return 0;
}

int place_symlink(int dirfd, const char *name, const struct tar_entry *entry, struct rt_error *err)
{
    if (entry->link[0] == '\0') return rt_fail_at(err, entry->path, "LAYER_INVALID", 0, NULL, "cannot create '%s': a symbolic link without a target", entry->path);
    if (symlinkat(entry->link, dirfd, name) < 0) return errno == EEXIST ? 1 : place_fail(err, errno, "symlinkat", entry->path, "create");
    return metadata_at(dirfd, name, entry, err);
}

/* The node is kept as an empty file that says what it is; a container gets its devices from the runtime anyway. */
static int place_node_as_file(int dirfd, const char *name, const struct tar_entry *entry, struct rt_error *err)
{
    char node[64];
    snprintf(node, sizeof node, "%c %u %u", entry->type == ENTRY_CHAR ? 'c' : 'b', entry->major, entry->minor);
    auto_close int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, entry->mode & 0777);
    if (fd < 0) return errno == EEXIST ? 1 : place_fail(err, errno, "openat", entry->path, "create");
    if (fsetxattr(fd, XATTR_NODE, node, strlen(node), 0) < 0) return xattr_fail(err, entry, XATTR_NODE);
    return metadata_at(dirfd, name, entry, err);
}

int place_node(int dirfd, const char *name, const struct tar_entry *entry, struct rt_error *err)
{
    mode_t type = entry->type == ENTRY_FIFO ? S_IFIFO : entry->type == ENTRY_CHAR ? S_IFCHR : S_IFBLK;
    if (mknodat(dirfd, name, type | entry->mode, entry->type == ENTRY_FIFO ? 0 : makedev(entry->major, entry->minor)) < 0) {
        if (errno == EPERM && entry->type != ENTRY_FIFO && !has_trusted_attributes()) return place_node_as_file(dirfd, name, entry, err);
        return errno == EEXIST ? 1 : place_fail(err, errno, "mknodat", entry->path, "create");
    }
    return metadata_at(dirfd, name, entry, err);
}
