#include "runtime/bind_early.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "runtime/caps.h"
#include "runtime/device.h"
#include "runtime/mount.h"

static bool needed(const struct init *init)
{
    const struct spec *spec = init->spec;
    if (!(caps_permitted() >> CAP_SYS_ADMIN & 1)) return false;
    if (spec->linux.namespaces[NS_USER].wanted) return true;
    for (size_t i = 0; i < spec->mount_count; i++)
        if (spec->mounts[i].idmap) return true;
    return false;
}

/* A user namespace with this mapping and nobody in it: the process that made it is gone once its descriptor is open. */
static int mapping_namespace(const struct spec_idmaps *uid, const struct spec_idmaps *gid, struct rt_error *err)
{
    const struct idmap map = {.uid = uid->items, .uid_count = uid->count, .gid = gid->items, .gid_count = gid->count};
    char path[64];
    int hold[2];
    if (pipe2(hold, O_CLOEXEC)) return rt_fail(err, "NATIVE_FAILED", errno, "pipe2", "cannot map ids");
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0) {
        char end;
        close(hold[1]);
        (void)!read(hold[0], &end, 1);
        _exit(0);
    }
    close(hold[0]);
    auto_close int writer = hold[1];
    if (pid < 0) return rt_fail(err, "NATIVE_FAILED", errno, "clone", "cannot make a user namespace to map ids");
    snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
    int fd = idmap_write(&map, pid, err) ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && !err->code[0]) rt_fail(err, "NATIVE_FAILED", errno, "open", "cannot open the user namespace to map ids");
    util_close(&writer);
    writer = -1;
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
    return fd;
}

/*
 * A part of the container's own tree, by its path on the host: what earlier mounts have put there is meant as well, so that it is opened when its turn has come.
 * Not with ids to be mapped in a user namespace: only the host's root may do that.
 */
static bool comes_later(const struct init *init, const struct spec_mount *mount)
{
    size_t length = init->root_path ? strlen(init->root_path) : 0;
    if (mount->idmap && init->spec->linux.namespaces[NS_USER].wanted) return false;
    return length > 1 && strncmp(mount->source, init->root_path, length) == 0 && (mount->source[length] == '/' || !mount->source[length]);
}

static int open_one(struct init *init, const struct spec_mount *mount, int *out, int *kept, struct rt_error *err)
{
    const struct spec_linux *linux = &init->spec->linux;
    auto_close int mapping = -1;
    if (mount->idmap) {
        bool own = mount->uid_maps.count;
        if (!own && !linux->uid_maps.count && init->namespaces[NS_USER] >= 0) mapping = fcntl(init->namespaces[NS_USER], F_DUPFD_CLOEXEC, 3);
        else if (!own && !linux->uid_maps.count) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "mount on '%s': there is no mapping to apply", mount->destination);
        else mapping = mapping_namespace(own ? &mount->uid_maps : &linux->uid_maps, own ? &mount->gid_maps : &linux->gid_maps, err);
        if (mapping < 0) return -1;
    }
    if (comes_later(init, mount)) {
        *kept = take_fd(&mapping);
        return 0;
    }
    auto_close int tree = mount_bind(init->bundle, mount, mapping, err);
    /* Out of the host's peer group, as a namespace of less privilege would make it; what is meant to be shared stays. */
    struct mount_change slave = {.propagation = MS_SLAVE};
    if (tree >= 0 && !(mount->propagation & MS_SHARED) && mount_change(tree, &slave, true))
        return rt_fail_at(err, mount->source, "MOUNT_FAILED", errno, "mount_setattr", "cannot separate '%s' from the host's mounts", mount->source);
    *out = take_fd(&tree);
    return *out < 0 ? -1 : 0;
}

int bind_early(struct init *init, struct rt_error *err)
{
    const struct spec *spec = init->spec;
    if (!needed(init)) return 0;
    init->binds = malloc((spec->mount_count + 1) * sizeof *init->binds);
    init->mappings = malloc((spec->mount_count + 1) * sizeof *init->mappings);
    for (size_t i = 0; init->binds && init->mappings && i < spec->mount_count; i++) init->binds[i] = init->mappings[i] = -1;
    if (!init->binds || !init->mappings) return rt_nomem(err);
    for (size_t i = 0; i < spec->mount_count; i++)
        if (spec->mounts[i].bind && open_one(init, &spec->mounts[i], &init->binds[i], &init->mappings[i], err)) return -1;
    if (spec->linux.namespaces[NS_USER].wanted) init->devices = devices_early(&spec->linux);
    if (init->root_tree >= 0 || !spec->linux.namespaces[NS_USER].wanted) return 0;
    init->root_tree = mount_clone(AT_FDCWD, init->root_path, 0, true, err);
    return init->root_tree < 0 ? -1 : 0;
}

void bind_early_free(struct init *init)
{
    for (size_t i = 0; init->binds && init->mappings && i < init->spec->mount_count; i++) {
        util_close(&init->binds[i]);
        util_close(&init->mappings[i]);
    }
    free(init->binds);
    free(init->mappings);
    util_close(&init->devices);
}
