#include "data/tree.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/foreign_mount.h"
#include "base/json.h"
#include "base/path.h"
#include "base/userns.h"
#include "base/util.h"
#include "data/merged.h"

#define FSCONFIG_VALUE_MAX 255 /* fsconfig(2) cuts nothing, it refuses longer strings */

void tree_free(struct tree *tree)
{
    for (size_t i = 0; i < tree->lower_count; i++) free(tree->lower[i]);
    free(tree->lower);
    for (size_t i = 0; i < tree->option_count; i++) free(tree->options[i]);
    free(tree->options);
    free(tree->type);
    free(tree->source);
    free(tree->path);
    free(tree->upper);
    free(tree->work);
    free(tree->view);
    free(tree->copy);
    *tree = (struct tree){ 0 };
}

static int absolute(const char *path, const char *what, struct rt_error *err)
{
    return path[0] == '/' ? 0 : rt_fail_at(err, path, "PLAN_INVALID", 0, NULL, "'%s' must have absolute paths", what);
}

static int parse_layers(const json_t *value, const char *what, struct tree *out, struct rt_error *err)
{
    json_t *lower;
    if (json_allow(value, err, "kind", "lower", "upper", "work", "volatile", "view", "copy", NULL) < 0 || json_req_arr(value, "lower", &lower, err) < 0 ||
        json_opt_bytes(value, "upper", &out->upper, NULL, err) < 0 || json_opt_bytes(value, "work", &out->work, NULL, err) < 0 ||
        json_opt_bool(value, "volatile", &out->is_volatile, err) < 0 || json_opt_bytes(value, "view", &out->view, NULL, err) < 0 ||
        json_opt_bytes(value, "copy", &out->copy, NULL, err) < 0)
        return -1;
    size_t count = json_array_size(lower);
    out->lower = calloc(count + 1, sizeof *out->lower);
    if (!out->lower) return rt_nomem(err);
    for (; out->lower_count < count; out->lower_count++) {
        char **slot = &out->lower[out->lower_count];
        if (json_bytes(json_array_get(lower, out->lower_count), "lower", slot, NULL, err) < 0) return -1;
        if (absolute(*slot, what, err) < 0) {
            out->lower_count++;
            return -1;
        }
    }
    if (out->upper && absolute(out->upper, what, err) < 0) return -1;
    if (out->work && absolute(out->work, what, err) < 0) return -1;
    if (out->view && absolute(out->view, what, err) < 0) return -1;
    if (out->copy && absolute(out->copy, what, err) < 0) return -1;
    if (count == 0 && !out->upper) return rt_fail(err, "PLAN_INVALID", 0, NULL, "'%s' has neither lower nor upper", what);
    if (count > 0 && out->upper && !out->work) return rt_fail(err, "PLAN_INVALID", 0, NULL, "'%s' has an upper but no work", what);
    return 0;
}

static int parse_filesystem(const json_t *value, struct tree *out, struct rt_error *err)
{
    json_t *options;
    if (json_allow(value, err, "kind", "type", "source", "options", NULL) < 0 || json_req_bytes(value, "type", &out->type, NULL, err) < 0 ||
        json_req_bytes(value, "source", &out->source, NULL, err) < 0 || json_req_arr(value, "options", &options, err) < 0)
        return -1;
    size_t count = json_array_size(options);
    out->options = calloc(count + 1, sizeof *out->options);
    if (!out->options) return rt_nomem(err);
    for (; out->option_count < count; out->option_count++)
        if (json_bytes(json_array_get(options, out->option_count), "options", &out->options[out->option_count], NULL, err) < 0) return -1;
    return 0;
}

int tree_parse(const json_t *value, const char *what, struct tree *out, struct rt_error *err)
{
    static const char *const kinds[] = { "dir", "layers", "shared", "process", "filesystem", NULL };
    enum { DIRECTORY, LAYERS, SHARED, PROCESS, FILESYSTEM };
    int kind = 0;
    int64_t pid;
    *out = (struct tree){ 0 };
    if (!json_is_object(value)) return rt_fail(err, "PLAN_INVALID", 0, NULL, "'%s' must be a tree", what);
    if (json_req_enum(value, "kind", kinds, &kind, err) < 0) return rt_wrap(err, "'%s'", what);
    int result = kind == LAYERS ? parse_layers(value, what, out, err) : kind == FILESYSTEM ? parse_filesystem(value, out, err) : 0;
    if ((kind == DIRECTORY || kind == SHARED) && (json_allow(value, err, "kind", "path", kind == SHARED ? "pid" : NULL, NULL) < 0 || json_req_bytes(value, "path", &out->path, NULL, err) < 0 ||
                      absolute(out->path, what, err) < 0))
        result = -1;
    if (result == 0 && kind == SHARED && json_req_i64(value, "pid", 1, INT32_MAX, &out->pid, err) < 0) result = -1;
    if (kind == PROCESS && (json_allow(value, err, "kind", "pid", NULL) < 0 || json_req_i64(value, "pid", 1, INT32_MAX, &pid, err) < 0 ||
                            !(out->path = rt_printf(err, "/proc/%d/root", (int)pid))))
        result = -1;
    if (result < 0) tree_free(out);
    return result;
}

int tree_req(const json_t *object, const char *key, struct tree *out, struct rt_error *err)
{
    *out = (struct tree){ 0 };
    const json_t *value = json_object_get(object, key);
    return value ? tree_parse(value, key, out, err) : rt_fail(err, "PLAN_INVALID", 0, NULL, "member '%s' is missing", key);
}

/* The directory that can be read and written without a merged view, or NULL. */
static const char *plain_directory(const struct tree *tree)
{
    if (tree->path) return tree->path;
    if (tree->upper) return tree->lower_count == 0 ? tree->upper : NULL;
    return tree->lower_count == 1 ? tree->lower[0] : NULL;
}

bool tree_is_raw(const struct tree *tree)
{
    return !tree->path && plain_directory(tree) != NULL;
}

static int open_directory(const char *path, struct rt_error *err)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : path_fail(err, errno, "open", path, "open the directory");
}

static int mount_fail(struct rt_error *err, const char *syscall, const char *what)
{
    return rt_fail(err, "MOUNT_FAILED", errno, syscall, "cannot mount an overlay: %s", what);
}

/* A layer directory as fsconfig takes it: its path, or the descriptor's name in /proc where the path is too long or has a character that old kernels unescape. */
static int config_path(int fs, const char *key, const char *path, struct rt_error *err)
{
    auto_close int fd = open_directory(path, err);
    if (fd < 0) return -1;
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    bool plain = strlen(path) <= FSCONFIG_VALUE_MAX && !strpbrk(path, "\\:,");
    return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, plain ? path : name, 0);
}

static int config(int fs, const char *key, const char *value)
{
    return (int)syscall(SYS_fsconfig, fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value, 0);
}

/* overlayfs before Linux 6.5 takes any word and refuses the mount: what no overlay knows tells it apart. */
static bool takes_any_option(int fs)
{
    return config(fs, "no_such_option", NULL) == 0;
}

/* 1: this kernel has no lowerdir+. */
static int mount_detached(const struct tree *tree, int *rootfd, struct rt_error *err)
{
    auto_close int fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
    if (fs < 0) return errno == ENOSYS ? 1 : mount_fail(err, "fsopen", "the kernel refused");
    if (takes_any_option(fs)) return 1;
    if (config(fs, "source", "overlay") < 0) return mount_fail(err, "fsconfig", "source");
    err->code[0] = '\0';
    for (size_t i = 0; i < tree->lower_count; i++) {
        if (config_path(fs, "lowerdir+", tree->lower[i], err) == 0) continue;
        if (err->code[0]) return -1;
        if (i == 0 && errno == EINVAL) return 1;
        return rt_fail_at(err, tree->lower[i], "MOUNT_FAILED", errno, "fsconfig", "cannot use '%s' as a layer", tree->lower[i]);
    }
    if (tree->upper && (config_path(fs, "upperdir", tree->upper, err) < 0 || config_path(fs, "workdir", tree->work, err) < 0))
        return err->code[0] ? -1 : mount_fail(err, "fsconfig", "upperdir or workdir");
    /* redirect_dir=nofollow and off differ: off still follows redirects found in lower layers when the module's default says so. */
    if (config(fs, "redirect_dir", "nofollow") < 0 || config(fs, "metacopy", "off") < 0 || config(fs, "index", "off") < 0 ||
        (tree->upper && tree->is_volatile && config(fs, "volatile", NULL) < 0) || (in_user_namespace() && config(fs, "userxattr", NULL) < 0))
        return mount_fail(err, "fsconfig", "an option is not known");
    if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) return mount_fail(err, "fsconfig", tree->upper ? tree->upper : tree->lower[0]);
    int fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
    if (fd < 0) return mount_fail(err, "fsmount", "the kernel refused");
    *rootfd = fd;
    return 0;
}

static int clone_mount(const char *path, int *rootfd, struct rt_error *err)
{
    int fd = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (fd < 0) return rt_fail_at(err, path, errno == ENOENT ? "PATH_MISSING" : "MOUNT_FAILED", errno, "open_tree", "cannot mount '%s'", path);
    *rootfd = fd;
    return 0;
}

/* Kernels 5.15 to 6.7: the mount hides the top-most layer in a private mount namespace for a moment, and lives on in the descriptor. */
static int mount_private(const struct tree *tree, int *rootfd, struct rt_error *err)
{
    if (unshare(CLONE_NEWNS) < 0) return mount_fail(err, "unshare", "no private mount namespace");
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return mount_fail(err, "mount", "the root cannot be made private");
    auto_buf struct buf options = { 0 };
    if (buf_str(&options, "redirect_dir=nofollow,metacopy=off,index=off", err) < 0) return -1;
    if (tree->is_volatile && tree->upper && buf_str(&options, ",volatile", err) < 0) return -1;
    if (in_user_namespace() && buf_str(&options, ",userxattr", err) < 0) return -1;
    size_t count = tree->lower_count + 2;
    auto_free int *fds = malloc(count * sizeof *fds);
    if (!fds) return rt_nomem(err);
    int result = 0;
    size_t opened = 0;
    for (; opened < count && result == 0; opened++) {
        size_t i = opened;
        bool lower = i < tree->lower_count;
        const char *path = lower ? tree->lower[i] : i == tree->lower_count ? tree->upper : tree->work;
        fds[i] = -1;
        if (!path) continue;
        fds[i] = open_directory(path, err);
        const char *key = lower ? (i == 0 ? ",lowerdir=" : ":") : i == tree->lower_count ? ",upperdir=" : ",workdir=";
        result = fds[i] < 0 ? -1 : buf_printf(&options, err, "%s/proc/self/fd/%d", key, fds[i]);
    }
    const char *target = tree->upper ? tree->upper : tree->lower[0];
    if (result == 0 && mount("overlay", target, "overlay", 0, options.data) < 0) result = mount_fail(err, "mount", target);
    for (size_t i = 0; i < opened; i++) util_close(&fds[i]);
    if (result < 0) return -1;
    /* What was mounted and no longer is could not be mounted again, as the root of a container is; a clone that never was can. */
    auto_close int fd = -1;
    result = clone_mount(target, &fd, err);
    if (umount2(target, MNT_DETACH) < 0) return mount_fail(err, "umount2", target);
    if (result < 0) return -1;
    *rootfd = take_fd(&fd);
    return 0;
}

/* Snapshots that were not synced are thrown away after a crash by their boot id; within one boot a volatile work directory is as good as any. */
static int allow_remount(const struct tree *tree, struct rt_error *err)
{
    if (!tree->upper || !tree->is_volatile) return 0;
    auto_close int work = open_directory(tree->work, err);
    if (work < 0) return -1;
    static const struct {
        const char *name;
        int flags;
    } MARKS[] = { { "work/incompat/volatile/dirty", 0 }, { "work/incompat/volatile", AT_REMOVEDIR }, { "work/incompat", AT_REMOVEDIR } };
    for (size_t i = 0; i < ARRAY_LEN(MARKS); i++)
        if (unlinkat(work, MARKS[i].name, MARKS[i].flags) < 0 && errno != ENOENT)
            return rt_fail_at(err, tree->work, "MOUNT_FAILED", errno, "unlinkat", "cannot reuse the work directory '%s'", tree->work);
    return 0;
}

/* overlayfs makes "work" in the work directory at the first mount. */
static bool was_mounted(const struct tree *tree)
{
    auto_close int work = open(tree->work, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return work < 0 || faccessat(work, "work", F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

/* The root of the view is the upper directory itself: a new one takes over what the layer below says of it. */
static int inherit_root(const struct tree *tree, struct rt_error *err)
{
    struct stat upper, lower;
    if (was_mounted(tree) || stat(tree->upper, &upper) < 0 || stat(tree->lower[0], &lower) < 0) return 0; /* mounting will say what is missing */
    if (upper.st_mode == lower.st_mode && upper.st_uid == lower.st_uid && upper.st_gid == lower.st_gid) return 0;
    if (chown(tree->upper, lower.st_uid, lower.st_gid) == 0 && chmod(tree->upper, lower.st_mode & 07777) == 0) return 0;
    return rt_fail_at(err, tree->upper, "NATIVE_FAILED", errno, "chown", "cannot give '%s' the owner and mode of the layer below", tree->upper);
}

/* The files of a merged tree as an overlay would show them: without what the mount of the store forbids, where that may be lifted, and read-only without an upper. */
static int mount_merged(const struct tree *tree, int *rootfd, struct rt_error *err)
{
    auto_free char *path = merged_path(tree, err);
    auto_close int mount = -1;
    if (!path || clone_mount(path, &mount, err) < 0) return -1;
    struct mount_attr free = { .attr_clr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC }, locked = { .attr_set = MOUNT_ATTR_RDONLY };
    syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH, &free, sizeof free);
    if (!tree->upper && syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH, &locked, sizeof locked) < 0) return mount_fail(err, "mount_setattr", path);
    *rootfd = take_fd(&mount);
    return 0;
}

static int open_merged(const struct tree *tree, int flags, int *rootfd, struct rt_error *err)
{
    auto_close int root = -1;
    if (merged_open(tree, flags, &root, err) < 0) return -1;
    if (flags & TREE_MOUNT) return mount_merged(tree, rootfd, err);
    *rootfd = take_fd(&root);
    return 0;
}

int tree_open(const struct tree *tree, int flags, int *rootfd, struct rt_error *err)
{
    if (flags & TREE_WRITE && !tree->path && !tree->upper) return rt_fail(err, "PLAN_INVALID", 0, NULL, "the tree to write to has no upper");
    if (tree->type) return rt_fail(err, "PLAN_INVALID", 0, NULL, "a file system of type '%s' can only be mounted for a container", tree->type);
    if (tree->pid > 0) return foreign_mount_open((pid_t)tree->pid, tree->path, rootfd, err);
    const char *plain = plain_directory(tree);
    if (plain && flags & TREE_MOUNT) return clone_mount(plain, rootfd, err);
    if (plain) {
        *rootfd = open_directory(plain, err);
        return *rootfd < 0 ? -1 : 0;
    }
    if (is_merged(tree)) return open_merged(tree, flags, rootfd, err);
    if (allow_remount(tree, err) < 0 || (tree->upper && inherit_root(tree, err) < 0)) return -1;
    int result = mount_detached(tree, rootfd, err);
    return result == 1 ? mount_private(tree, rootfd, err) : result;
}
