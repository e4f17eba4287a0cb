#include "data/stamps.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"

#define SHARED (1ull << 63)

struct stamps_header {
    uint64_t capacity; /* SHARED: of links */
    uint64_t count;
};

void stamps_free(struct stamps *stamps)
{
    path_set_free(&stamps->set);
}

/* Nanoseconds; 0 where the file system does not remember it. */
static uint64_t birth_time(int dirfd, const char *name)
{
    struct statx status;
    if (statx(dirfd, name, AT_SYMLINK_NOFOLLOW, STATX_BTIME, &status) < 0 || !(status.stx_mask & STATX_BTIME)) return 0;
    return (uint64_t)status.stx_btime.tv_sec * 1000000000u + status.stx_btime.tv_nsec;
}

static int key_of(const struct stamps *stamps, int dirfd, const char *name, const char *path, const struct stat *st, struct buf *key, struct rt_error *err)
{
    uint64_t time = 0;
    if (S_ISDIR(st->st_mode)) time = birth_time(dirfd, name);
    else if (!stamps->shared) time = (uint64_t)st->st_ctim.tv_sec * 1000000000u + (uint64_t)st->st_ctim.tv_nsec;
    const uint64_t numbers[] = { st->st_ino, time };
    return buf_add(key, path, strlen(path) + 1, err) < 0 ? -1 : buf_add(key, numbers, sizeof numbers, err);
}

int stamps_add(struct stamps *stamps, int dirfd, const char *name, const char *path, const struct stat *st, struct rt_error *err)
{
    auto_buf struct buf key = { 0 };
    return key_of(stamps, dirfd, name, path, st, &key, err) < 0 ? -1 : path_set_add(&stamps->set, key.data, key.size, err);
}

int stamps_has(const struct stamps *stamps, int dirfd, const char *name, const char *path, const struct stat *st, struct rt_error *err)
{
    auto_buf struct buf key = { 0 };
    return key_of(stamps, dirfd, name, path, st, &key, err) < 0 ? -1 : path_set_has(&stamps->set, key.data, key.size);
}

int stamps_save(const struct stamps *stamps, int dirfd, const char *name, struct rt_error *err)
{
    const struct stamps_header header = { .capacity = stamps->set.capacity | (stamps->shared ? SHARED : 0), .count = stamps->set.count };
    auto_close int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return rt_fail_at(err, name, "NATIVE_FAILED", errno, "openat", "cannot create '%s' of a snapshot", name);
    if (write_all(fd, &header, sizeof header) == 0 && write_all(fd, stamps->set.slots, stamps->set.capacity * sizeof *stamps->set.slots) == 0) return 0;
    return rt_fail_at(err, name, "NATIVE_FAILED", errno, "write", "cannot write '%s' of a snapshot", name);
}

static int damaged(const char *name, struct rt_error *err)
{
    return rt_fail_at(err, name, "NATIVE_FAILED", 0, NULL, "'%s' of a snapshot is damaged", name);
}

int stamps_load(struct stamps *stamps, int dirfd, const char *name, struct rt_error *err)
{
    struct stamps_header header;
    struct stat st;
    *stamps = (struct stamps){ 0 };
    auto_close int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) return rt_fail_at(err, name, "NATIVE_FAILED", errno, "openat", "cannot open '%s' of a snapshot", name);
    if (read_all(fd, &header, sizeof header) != sizeof header) return damaged(name, err);
    stamps->shared = header.capacity & SHARED;
    header.capacity &= ~SHARED;
    size_t size = (size_t)st.st_size - sizeof header;
    if (size != header.capacity * sizeof *stamps->set.slots || header.count > header.capacity || (header.capacity & (header.capacity - 1)) != 0)
        return damaged(name, err);
    if (header.capacity == 0) return 0;
    stamps->set = (struct path_set){ .slots = malloc(size), .count = header.count, .capacity = header.capacity };
    if (!stamps->set.slots) return rt_nomem(err);
    return read_all(fd, stamps->set.slots, size) == (ssize_t)size ? 0 : damaged(name, err);
}
