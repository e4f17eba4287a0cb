#include "runtime/external_bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/json.h"
#include "base/path.h"
#include "base/userns.h"
#include "base/util.h"
#include "runtime/mount.h"

char *external_bundle_file(const struct external_bundle *bundle, const char *name, struct rt_error *err)
{
    return rt_printf(err, "%s/%s", bundle->path, name);
}

/* Beside the container's record, else in the user's own run directory. */
static int make_directory(const struct runtime_params *params, struct external_bundle *out, struct rt_error *err)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    bool root = geteuid() == 0 && !in_user_namespace();
    const char *base = params->state_dir ? params->state_dir : root ? "/run" : runtime && *runtime ? runtime : "/tmp";
    if (!(out->path = rt_printf(err, "%s/tsbuild-bundle-XXXXXX", base))) return -1;
    if (!mkdtemp(out->path)) return rt_fail_at(err, base, "NATIVE_FAILED", errno, "mkdtemp", "cannot make a bundle in '%s'", base);
    return 0;
}

static int attach(const struct external_bundle *bundle, const char *name, int tree, bool directory, struct rt_error *err)
{
    auto_free char *path = external_bundle_file(bundle, name, err);
    auto_close int root = open(bundle->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (!path) return -1;
    auto_close int made = directory ? -1 : openat(root, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (directory ? mkdirat(root, name, 0700) : made < 0) return rt_fail_at(err, path, "NATIVE_FAILED", errno, "mkdirat", "cannot make '%s'", path);
    auto_close int target = openat(root, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return mount_attach(tree, target, root, name, err);
}

static int attach_tree(struct external_bundle *bundle, const struct runtime_tree_mount *mount, struct rt_error *err)
{
    char name[32];
    struct stat st;
    struct mount_change readonly = {.set = MOUNT_ATTR_RDONLY};
    auto_close int place = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    /* As for our own containers: older kernels clone only what is attached somewhere. */
    if (syscall(SYS_move_mount, mount->tree, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)) return rt_fail_at(err, mount->target, "MOUNT_FAILED", errno, "move_mount", "cannot mount on '%s'", mount->target);
    auto_close int source = open_in_root(mount->tree, mount->source, O_PATH, 0, err);
    if (source < 0) return rt_wrap(err, "cannot mount on '%s'", mount->target);
    auto_close int tree = mount_clone(source, "", AT_EMPTY_PATH, true, err);
    if (tree < 0 || fstat(tree, &st)) return -1;
    if (mount->readonly && mount_change(tree, &readonly, true)) return rt_fail_at(err, mount->target, "MOUNT_FAILED", errno, "mount_setattr", "cannot make '%s' read-only", mount->target);
    snprintf(name, sizeof name, "tree-%zu", bundle->tree_count++);
    return attach(bundle, name, tree, S_ISDIR(st.st_mode), err);
}

/* The config's mounts with the trees as binds at their places. */
static json_t *with_trees(const struct external_bundle *bundle, const struct spec *spec, const struct runtime_params *params)
{
    json_t *list = json_array(), *mounts = json_object_get(spec->document, "mounts");
    for (size_t i = 0; i <= json_array_size(mounts); i++) {
        for (size_t t = 0; t < params->tree_count; t++) {
            const struct runtime_tree_mount *tree = &params->trees[t];
            if (tree->before == i) json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:[ss]}", "destination", tree->target, "type", "bind", "source", json_sprintf("%s/tree-%zu", bundle->path, t), "options", "rbind", tree->readonly ? "ro" : "rw"));
        }
        if (i < json_array_size(mounts)) json_array_append(list, json_array_get(mounts, i));
    }
    return list;
}

static json_t *user_json(const struct spec_user *user)
{
    json_t *groups = json_array();
    for (size_t i = 0; i < user->group_count; i++) json_array_append_new(groups, json_integer(user->groups[i]));
    return json_pack("{s:I, s:I, s:i, s:o}", "uid", (json_int_t)user->uid, "gid", (json_int_t)user->gid, "umask", (int)user->umask, "additionalGids", groups);
}

/* Numbers above 2^63 - 1 are strings for us and numbers for everybody else; "unlimited" is the one that occurs. */
static void unquote_unlimited(char *text)
{
    static const char QUOTED[] = "\"18446744073709551615\"";
    for (char *at = text; (at = strstr(at, QUOTED)); at += sizeof QUOTED - 1) at[0] = at[sizeof QUOTED - 2] = ' ';
}

static int write_config(const struct external_bundle *bundle, const struct spec *spec, const struct runtime_params *params, const char *rootfs, struct rt_error *err)
{
    auto_json json_t *config = json_deep_copy(spec->document);
    json_t *process = json_object_get(config, "process"), *os = json_object_get(config, "linux");
    if (!os && config) json_object_set_new(config, "linux", os = json_object());
    if (!config || !os) return rt_nomem(err);
    json_object_set_new(config, "root", json_pack("{s:s, s:b}", "path", rootfs, "readonly", spec->root_readonly));
    json_object_set_new(config, "mounts", with_trees(bundle, spec, params));
    if (process) json_object_set_new(process, "user", user_json(&spec->process->user));
    if (params->cgroup_path) json_object_set_new(os, "cgroupsPath", json_string(params->cgroup_path));
    else if (!spec->linux.cgroups_path) json_object_set_new(os, "cgroupsPath", json_sprintf("/tsbuild/%s", params->id));
    auto_free char *text = json_dumps(config, JSON_COMPACT);
    auto_free char *path = external_bundle_file(bundle, "config.json", err);
    if (!text || !path) return rt_nomem(err);
    unquote_unlimited(text);
    auto_close int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    return fd < 0 || write_all(fd, text, strlen(text)) ? rt_fail_at(err, path, "NATIVE_FAILED", errno, "write", "cannot write '%s'", path) : 0;
}

int external_bundle_make(const struct spec *spec, const struct runtime_params *params, struct external_bundle *out, struct rt_error *err)
{
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL)) return rt_fail(err, "MOUNT_FAILED", errno, "unshare", "cannot make a private mount namespace");
    if (make_directory(params, out, err)) return -1;
    if (params->rootfs >= 0 && attach(out, "rootfs", params->rootfs, true, err)) return -1;
    for (size_t i = 0; i < params->tree_count; i++)
        if (attach_tree(out, &params->trees[i], err)) return -1;
    auto_free char *rootfs = params->rootfs >= 0 ? external_bundle_file(out, "rootfs", err) : rt_strdup(spec->root_path ? spec->root_path : "", err);
    return rootfs ? write_config(out, spec, params, rootfs, err) : -1;
}

void external_bundle_remove(struct external_bundle *bundle)
{
    static const char *const FILES[] = {"config.json", "log", "pid", "console.sock", "process.json"};
    if (!bundle->path) return;
    auto_close int root = open(bundle->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct rt_error ignored;
    for (size_t i = 0; root >= 0 && i < ARRAY_LEN(FILES); i++) unlinkat(root, FILES[i], 0);
    for (size_t i = 0; root >= 0 && i <= bundle->tree_count; i++) {
        char name[32] = "rootfs";
        if (i) snprintf(name, sizeof name, "tree-%zu", i - 1);
        auto_free char *path = external_bundle_file(bundle, name, &ignored);
        if (path) umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
        if (unlinkat(root, name, AT_REMOVEDIR)) unlinkat(root, name, 0);
    }
    rmdir(bundle->path);
    free(bundle->path);
    bundle->path = NULL;
}
