#include "base/regular_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "base/util.h"

static bool is_same(int fd, const struct stat *st)
{
    struct stat now;
    return fstat(fd, &now) == 0 && now.st_dev == st->st_dev && now.st_ino == st->st_ino;
}

int try_open_regular_in_root(int rootfd, const char *path)
{
    const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
    char name[64];
    struct stat st;
    auto_close int found = try_open_in_root(rootfd, path, O_PATH, 0);
    if (found < 0 || fstat(found, &st) < 0) return -1;
    if (S_ISREG(st.st_mode)) {
        snprintf(name, sizeof name, "/proc/self/fd/%d", found);
        auto_close int fd = open(name, flags | O_CLOEXEC);
        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) fd = try_open_in_root(rootfd, path, flags, 0); /* no procfs here */
        if (fd < 0) return -1;
        if (is_same(fd, &st)) return take_fd(&fd);
    }
    errno = EINVAL;
    return -1;
}
