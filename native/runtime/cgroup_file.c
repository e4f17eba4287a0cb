#include "runtime/cgroup_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int cgroup_write(int dirfd, const char *file, const char *value, struct rt_error *err)
{
    auto_close int fd = openat(dirfd, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return rt_fail_at(err, file, errno == ENOENT ? "FEATURE_MISSING" : "CGROUP_FAILED", errno, "openat", "cannot open the cgroup's '%s'", file);
    ssize_t size = (ssize_t)strlen(value), written;
    do written = write(fd, value, (size_t)size);
    while (written < 0 && errno == EINTR);
    if (written != size) return rt_fail_at(err, file, "CGROUP_FAILED", written < 0 ? errno : EIO, "write", "cannot write '%s' to the cgroup's '%s'", value, file);
    return 0;
}

int cgroup_printf(int dirfd, const char *file, struct rt_error *err, const char *fmt, ...)
{
    char value[256];
    va_list ap;
    va_start(ap, fmt);
    int length = vsnprintf(value, sizeof value, fmt, ap);
    va_end(ap);
    if (length < 0 || (size_t)length >= sizeof value) return rt_fail_at(err, file, "CGROUP_FAILED", E2BIG, NULL, "value for the cgroup's '%s' is too long", file);
    return cgroup_write(dirfd, file, value, err);
}

bool cgroup_has(int dirfd, const char *file)
{
    return faccessat(dirfd, file, F_OK, 0) == 0;
}

bool cgroup_read(int dirfd, const char *file, struct buf *out)
{
    enum { LIMIT = 16 << 20 };
    struct rt_error ignored;
    auto_close int fd = openat(dirfd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 && read_fd(fd, LIMIT, out, "CGROUP_FAILED", file, &ignored) == 0 && buf_str(out, "", &ignored) == 0;
}

bool cgroup_read_number(int dirfd, const char *file, uint64_t *out)
{
    auto_buf struct buf text = {0};
    if (!cgroup_read(dirfd, file, &text)) return false;
    text.data[strcspn(text.data, "\n")] = 0;
    return parse_u64(text.data, UINT64_MAX, out);
}

bool cgroup_read_key(int dirfd, const char *file, const char *key, uint64_t *out)
{
    auto_buf struct buf text = {0};
    size_t length = strlen(key);
    if (!cgroup_read(dirfd, file, &text)) return false;
    char *rest = text.data;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (strncmp(line, key, length) == 0 && line[length] == ' ') return parse_u64(line + length + 1, UINT64_MAX, out);
    return false;
}
