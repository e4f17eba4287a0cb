#include "runtime/seccomp_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/userns.h"
#include "base/util.h"

/* A directory of ours below another one. */
static int open_own(int parent, const char *name, mode_t mode)
{
    struct stat st;
    if (mkdirat(parent, name, mode) && errno != EEXIST) return -1;
    auto_close int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) || st.st_uid != geteuid() || st.st_mode & 022) return -1;
    return take_fd(&fd);
}

int seccomp_cache_open(void)
{
    const char *base = geteuid() == 0 && !in_user_namespace() ? "/run" : getenv("XDG_RUNTIME_DIR");
    if (!base || base[0] != '/') return -1;
    auto_close int run = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_close int own = run < 0 ? -1 : open_own(run, "tsbuild", 0755);
    return own < 0 ? -1 : open_own(own, "seccomp", 0700);
}
