#include "data/whiteout.h"

#include <errno.h>
#include <sys/xattr.h>

#include "base/userns.h"

bool is_whiteout(const struct stat *st)
{
    return (S_ISCHR(st->st_mode) && st->st_rdev == 0) || (S_ISSOCK(st->st_mode) && (st->st_mode & 07777) == 0);
}

int whiteout_make(int dirfd, const char *name)
{
    if (mknodat(dirfd, name, S_IFCHR, 0) == 0) return 0;
    if (errno != EPERM && errno != EINVAL && errno != EOPNOTSUPP) return -1;
    return mknodat(dirfd, name, S_IFSOCK, 0);
}

const char *opaque_name(void)
{
    return has_trusted_attributes() ? "trusted.overlay.opaque" : "user.overlay.opaque";
}

bool is_opaque(int fd, const char *attribute)
{
    char value[2];
    return fgetxattr(fd, attribute, value, sizeof value) == 1 && value[0] == 'y';
}
