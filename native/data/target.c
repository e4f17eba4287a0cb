#include "data/target.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "base/util.h"
#include "data/merged.h"

int target_open(struct target *target, const struct tree *tree, struct rt_error *err)
{
    *target = (struct target){ .tree = tree, .root = -1, .upper = -1 };
    bool overlay = !tree->path && tree->lower_count > 0 && !is_merged(tree);
    if (overlay) {
        target->upper = open(tree->upper, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (target->upper < 0) return path_fail(err, errno, "open", tree->upper, "open the directory");
    }
    return tree_open(tree, TREE_WRITE, &target->root, err);
}

void target_close(struct target *target)
{
    util_close(&target->root);
    util_close(&target->upper);
    target->root = target->upper = -1;
}

int target_refresh(struct target *target, struct rt_error *err)
{
    if (!target->bypassed) return 0;
    util_close(&target->root);
    target->root = -1;
    target->bypassed = false;
    return tree_open(target->tree, TREE_WRITE, &target->root, err);
}

char *target_path(const struct target *target, const struct target_dir *dir, struct rt_error *err)
{
    return path_below_root(dir->direct && target->upper >= 0 ? target->upper : target->root, dir->fd, err);
}

int target_go_direct(struct target *target, struct target_dir *dir, struct rt_error *err)
{
    if (is_merged(target->tree)) dir->direct = true; /* a directory of links to layers: one that was just made has none of them */
    if (target->upper < 0 || dir->direct) return 0;
    auto_free char *path = target_path(target, dir, err);
    if (!path) return -1;
    int fd = try_open_directory_strictly(target->upper, path, O_RDONLY);
    if (fd < 0) return path_fail(err, errno, "openat2", path, "open the directory");
    close(dir->fd);
    *dir = (struct target_dir){ .fd = fd, .direct = true };
    target->bypassed = true;
    return 0;
}

struct making {
    const struct target_made *made;
    ino_t last; /* inode of the directory made last */
    dev_t device;
    bool any;
};

static int give_owner(int fd, const char *path, void *arg, struct rt_error *err)
{
    struct making *making = arg;
    struct stat st;
    const struct owner *owner = making->made->owner;
    uid_t uid = owner && owner->given ? owner->uid : 0;
    gid_t gid = owner && owner->given ? owner->gid : 0;
    if (fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0) {
        const char *code = errno == EINVAL ? "FEATURE_MISSING" : "NATIVE_FAILED";
        return rt_fail_at(err, path, code, errno, "fchownat", "cannot give '/%s' to %u:%u", path, uid, gid);
    }
    if (fstat(fd, &st) < 0) return path_fail(err, errno, "fstat", path, "read the status of");
    making->last = st.st_ino;
    making->device = st.st_dev;
    making->any = true;
    return 0;
}

/* Takes over `fd`, an O_PATH descriptor of a directory. */
static int open_for_use(struct target *target, int fd, const struct making *making, struct target_dir *dir, struct rt_error *err)
{
    auto_close int path = fd;
    struct stat st;
    *dir = (struct target_dir){ .fd = openat(path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
    if (dir->fd < 0 || fstat(dir->fd, &st) < 0) return rt_fail(err, "NATIVE_FAILED", errno, "openat", "cannot open the destination");
    bool fresh = making->any && st.st_ino == making->last && st.st_dev == making->device;
    if (!fresh || target_go_direct(target, dir, err) == 0) return 0;
    util_close(&dir->fd);
    dir->fd = -1;
    return -1;
}

int target_directory(struct target *target, const char *path, const struct target_made *made, struct target_dir *dir, struct rt_error *err)
{
    struct making making = { .made = made };
    if (target_refresh(target, err) < 0) return -1;
    int fd = mkdirs_in_root(target->root, path, made->mode, give_owner, &making, err);
    return fd < 0 ? -1 : open_for_use(target, fd, &making, dir, err);
}

static bool names_directory(const char *dest)
{
    const char *slash = strrchr(dest, '/');
    const char *last = slash ? slash + 1 : dest;
    return *last == '\0' || strcmp(last, ".") == 0;
}

int target_file(struct target *target, const char *dest, const char *base, const struct target_made *made, struct target_dir *dir, char **name,
                struct rt_error *err)
{
    struct making making = { .made = made };
    if (target_refresh(target, err) < 0) return -1;
    auto_close int found = try_open_in_root(target->root, dest, O_PATH | O_DIRECTORY, 0);
    if (names_directory(dest) || found >= 0) {
        *name = rt_strdup(base, err);
        return *name ? target_directory(target, dest, made, dir, err) : -1;
    }
    int fd = resolve_in_root(target->root, dest, made->mode, give_owner, &making, name, err);
    return fd < 0 ? -1 : open_for_use(target, fd, &making, dir, err);
}
