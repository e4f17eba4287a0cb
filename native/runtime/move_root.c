#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "runtime/mountinfo.h"
#include "runtime/rootfs.h"

static bool is_inside(const char *path, const char *root)
{
    size_t length = strlen(root);
    return strncmp(path, root, length) == 0 && (path[length] == '/' || !path[length]);
}

/*
 * The kernel lets a user namespace have a procfs or sysfs of its own where a whole one can be seen in the mount namespace. The host's would still be there below the container's root,
 * and make up for what is masked in the container's: they go first, and where that is not allowed something is put on top.
 */
static int hide_host(const char *root, struct rt_error *err)
{
    auto_mountinfo struct mountinfo list = {0};
    if (mountinfo_read(&list, err)) return -1;
    for (size_t i = list.count; i > 0; i--) {
        const struct mountinfo_item *item = &list.items[i - 1];
        bool kernel = strcmp(item->type, "proc") == 0 || strcmp(item->type, "sysfs") == 0;
        if (!kernel || strcmp(item->root, "/") != 0 || is_inside(item->path, root)) continue;
        mount(NULL, item->path, NULL, MS_SLAVE | MS_REC, NULL);
        if (umount2(item->path, MNT_DETACH) == 0 || errno == ENOENT) continue;
        if ((errno != EINVAL && errno != EPERM) || mount("tmpfs", item->path, "tmpfs", 0, NULL))
            return rt_fail_at(err, item->path, "MOUNT_FAILED", errno, "umount2", "cannot hide the host's '%s'", item->path);
    }
    return 0;
}

int rootfs_move(int rootfd, struct rt_error *err)
{
    char root[PATH_MAX];
    if (fchdir(rootfd) || !getcwd(root, sizeof root)) return rt_fail(err, "MOUNT_FAILED", errno, "fchdir", "cannot enter the container's root");
    if (strcmp(root, "/") != 0 && hide_host(root, err)) return -1;
    if (mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/")) return rt_fail(err, "MOUNT_FAILED", errno, "mount", "cannot move the container's root to '/'");
    return 0;
}
