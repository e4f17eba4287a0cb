#include <string.h>
#include <sys/mount.h>

#include "base/path.h"
#include "runtime/mount_options.h"
#include "runtime/spec_read.h"

static int read_mount(struct spec *spec, const json_t *object, void *item, struct rt_error *err)
{
    struct spec_mount *mount = item;
    struct spec_strings options;
    if (json_req_str(object, "destination", &mount->destination, err) || json_opt_str(object, "type", &mount->type, err) ||
        json_opt_str(object, "source", &mount->source, err) || read_strings(spec, object, "options", &options, err) ||
        read_idmaps(spec, object, "uidMappings", &mount->uid_maps, err) || read_idmaps(spec, object, "gidMappings", &mount->gid_maps, err))
        return -1;
    if (!*mount->destination) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "destination is empty");
    auto_free char *clean = path_clean(mount->destination, err);
    if (!clean || !(mount->destination = arena_printf(&spec->arena, err, "/%s", clean))) return -1;
    if (mount_options_parse(spec, &options, mount, err)) return -1;
    if (mount->type && strcmp(mount->type, "bind") == 0) mount->bind = true;
    if (mount->bind && !mount->source) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "bind mount on '%s' has no source", mount->destination);
    if (!mount->bind && !mount->type && !(mount->flags & MS_REMOUNT) && !mount->propagation)
        return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "mount on '%s' has no type", mount->destination);
    if ((mount->uid_maps.count == 0) != (mount->gid_maps.count == 0))
        return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "mount on '%s': uidMappings and gidMappings belong together", mount->destination);
    if (mount->uid_maps.count) mount->idmap = true;
    if (mount->idmap && !mount->bind) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "mount on '%s': only bind mounts can be mapped to other ids", mount->destination);
    return 0;
}

int read_mounts(struct spec *spec, const json_t *config, struct rt_error *err)
{
    void *items = NULL;
    if (read_items(spec, config, "mounts", sizeof *spec->mounts, read_mount, &items, &spec->mount_count, err)) return -1;
    spec->mounts = items;
    return 0;
}

static int read_hook(struct spec *spec, const json_t *object, void *item, struct rt_error *err)
{
    struct spec_hook *hook = item;
    int64_t timeout = 0;
    if (json_req_str(object, "path", &hook->path, err) || read_byte_strings(spec, object, "args", &hook->args, err) ||
        read_byte_strings(spec, object, "env", &hook->env, err))
        return -1;
    if (json_object_get(object, "timeout") && json_opt_i64(object, "timeout", 1, INT32_MAX, &timeout, err)) return -1;
    if (hook->path[0] != '/') return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "path '%s' is not absolute", hook->path);
    hook->timeout_s = timeout;
    return 0;
}

int read_hooks(struct spec *spec, const json_t *config, struct rt_error *err)
{
    static const char *const NAMES[HOOK_KINDS] = {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"};
    json_t *hooks = NULL;
    if (json_opt_obj(config, "hooks", &hooks, err)) return -1;
    if (!hooks) return 0;
    for (int kind = 0; kind < HOOK_KINDS; kind++) {
        void *items = NULL;
        if (read_items(spec, hooks, NAMES[kind], sizeof(struct spec_hook), read_hook, &items, &spec->hooks[kind].count, err)) return rt_wrap(err, "hooks");
        spec->hooks[kind].items = items;
        /* crun's annotations. They name files of the host, so they are for the hooks that run there. */
        if (kind == HOOK_CREATE_CONTAINER || kind == HOOK_START_CONTAINER) continue;
        spec->hooks[kind].output = spec_annotation(spec, "run.oci.hooks.stdout");
        spec->hooks[kind].errors = spec_annotation(spec, "run.oci.hooks.stderr");
    }
    return 0;
}
