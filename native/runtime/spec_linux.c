#include <linux/kdev_t.h>
#include <string.h>
#include <unistd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/path.h"
#include "runtime/memory_policy.h"
#include "runtime/namespace.h"
#include "runtime/spec_read.h"

static int read_namespaces(struct spec *spec, const json_t *section, struct rt_error *err)
{
    json_t *array = NULL;
    if (json_opt_arr(section, "namespaces", &array, err)) return -1;
    for (size_t i = 0; i < json_array_size(array); i++) {
        json_t *object;
        const char *type, *path = NULL;
        if (json_elem_obj(array, i, "namespaces", &object, err) || json_req_str(object, "type", &type, err) || json_opt_str(object, "path", &path, err)) return -1;
        int kind = namespace_kind(type);
        if (kind < 0) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "namespaces[%zu]: type '%s' is not known", i, type);
        struct spec_namespace *namespace = &spec->linux.namespaces[kind];
        if (namespace->wanted) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "namespaces[%zu]: type '%s' is listed twice", i, type);
        namespace->wanted = true;
        namespace->path = path && *path ? path : NULL;
    }
    return 0;
}

static int read_device(struct spec *spec, const json_t *object, void *item, struct rt_error *err)
{
    struct spec_device *device = item;
    const char *type;
    int64_t mode = 0666;
    if (json_req_str(object, "type", &type, err) || json_req_str(object, "path", &device->path, err) || read_u32(object, "major", &device->major, err) ||
        read_u32(object, "minor", &device->minor, err) || json_opt_i64(object, "fileMode", 0, UINT32_MAX, &mode, err) || read_u32(object, "uid", &device->uid, err) ||
        read_u32(object, "gid", &device->gid, err))
        return -1;
    if (strlen(type) != 1 || !strchr("bcup", type[0])) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "device type '%s' is none of b, c, u, p", type);
    if (type[0] != 'p' && (!json_object_get(object, "major") || !json_object_get(object, "minor")))
        return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "'%s' needs major and minor", device->path);
    if (device->path[0] != '/') return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "path '%s' is not absolute", device->path);
    auto_free char *clean = path_clean(device->path, err);
    if (!clean || !(device->path = arena_printf(&spec->arena, err, "/%s", clean))) return -1;
    device->type = type[0] == 'u' ? 'c' : type[0];
    device->mode = (mode_t)mode & 07777;
    return 0;
}

static int read_net_devices(struct spec *spec, const json_t *section, struct rt_error *err)
{
    json_t *map = NULL;
    if (json_opt_obj(section, "netDevices", &map, err)) return -1;
    if (!(spec->linux.net_devices = arena_array(&spec->arena, json_object_size(map), sizeof *spec->linux.net_devices, err))) return -1;
    const char *name;
    json_t *value;
    json_object_foreach(map, name, value)
    {
        struct spec_net_device *device = &spec->linux.net_devices[spec->linux.net_device_count++];
        *device = (struct spec_net_device){.host_name = name, .name = name};
        if (!json_is_object(value)) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "member '%s' of 'netDevices' must be an object", name);
        if (json_opt_str(value, "name", &device->name, err)) return -1;
        if (!*device->name) device->name = name;
    }
    return 0;
}

static int read_propagation(struct spec *spec, const json_t *section, struct rt_error *err)
{
    static const struct {
        const char *name;
        unsigned long flags;
    } KINDS[] = {
        {"", 0},
        {"private", MS_PRIVATE},
        {"shared", MS_SHARED},
        {"slave", MS_SLAVE},
        {"unbindable", MS_UNBINDABLE},
        {"rprivate", MS_PRIVATE | MS_REC},
        {"rshared", MS_SHARED | MS_REC},
        {"rslave", MS_SLAVE | MS_REC},
        {"runbindable", MS_UNBINDABLE | MS_REC},
    };
    const char *name = "";
    if (json_opt_str(section, "rootfsPropagation", &name, err)) return -1;
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++)
        if (strcmp(KINDS[i].name, name) == 0) {
            spec->linux.rootfs_propagation = KINDS[i].flags;
            return 0;
        }
    return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "rootfsPropagation '%s' is not known", name);
}

static int read_personality(struct spec *spec, const json_t *section, struct rt_error *err)
{
    json_t *object = NULL;
    const char *domain;
    struct spec_strings flags;
    if (json_opt_obj(section, "personality", &object, err)) return -1;
    if (!object) return 0;
    if (json_req_str(object, "domain", &domain, err) || read_strings(spec, object, "flags", &flags, err)) return -1;
    bool linux32 = strcmp(domain, "LINUX32") == 0;
    if (!linux32 && strcmp(domain, "LINUX") != 0) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "personality: domain '%s' is neither LINUX nor LINUX32", domain);
    if (flags.count) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "personality: flag '%s' is not known", flags.items[0]);
    spec->linux.personality = (struct opt_u64){.set = true, .value = linux32 ? 8 : 0};
    return 0;
}

static int read_offset(const json_t *offsets, const char *key, bool *set, int64_t *seconds, uint32_t *nanoseconds, struct rt_error *err)
{
    json_t *object = NULL;
    if (json_opt_obj(offsets, key, &object, err)) return -1;
    if (!object) return 0;
    *set = true;
    return json_opt_i64(object, "secs", INT64_MIN, INT64_MAX, seconds, err) || read_u32(object, "nanosecs", nanoseconds, err) ? -1 : 0;
}

static int read_time_offsets(struct spec *spec, const json_t *section, struct rt_error *err)
{
    struct spec_linux *linux = &spec->linux;
    json_t *offsets = NULL;
    if (json_opt_obj(section, "timeOffsets", &offsets, err)) return -1;
    if (!offsets) return 0;
    if (read_offset(offsets, "monotonic", &linux->monotonic_set, &linux->monotonic_s, &linux->monotonic_ns, err) ||
        read_offset(offsets, "boottime", &linux->boottime_set, &linux->boottime_s, &linux->boottime_ns, err))
        return rt_wrap(err, "timeOffsets");
    if (!linux->namespaces[NS_TIME].wanted || linux->namespaces[NS_TIME].path)
        return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "timeOffsets need a new time namespace");
    return 0;
}

/* Sysctls must belong to a namespace of the container's own: anything else would change the host. */
static int check_sysctls(struct spec *spec, struct rt_error *err)
{
    for (size_t i = 0; i < spec->linux.sysctl.count; i++) {
        const char *key = spec->linux.sysctl.items[i].key;
        int kind = namespace_of_sysctl(key);
        if (kind < 0) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "sysctl '%s' is not in a separate kernel namespace", key);
        if (spec->domainname && kind == NS_UTS && strcmp(spec->domainname, spec->linux.sysctl.items[i].value) != 0)
            return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "sysctl '%s' and domainname contradict each other", key);
        if (!spec->linux.namespaces[kind].wanted)
            return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "sysctl '%s' is not allowed in the host's %s namespace", key, namespace_name(kind));
    }
    return 0;
}

/* As crun has it: a user namespace without mappings has the caller as its root and nobody else. */
static int map_caller(struct spec *spec, struct spec_idmaps *map, uint32_t outside, struct rt_error *err)
{
    map->items = arena_array(&spec->arena, 1, sizeof *map->items, err);
    if (!map->items) return -1;
    map->items[0] = (struct idmap_range){.inside = 0, .outside = outside, .count = 1};
    map->count = 1;
    return 0;
}

static int default_maps(struct spec *spec, struct rt_error *err)
{
    struct spec_linux *linux = &spec->linux;
    const struct spec_namespace *user = &linux->namespaces[NS_USER];
    if (!user->wanted || user->path || linux->uid_maps.count || linux->gid_maps.count) return 0;
    return map_caller(spec, &linux->uid_maps, geteuid(), err) || map_caller(spec, &linux->gid_maps, getegid(), err) ? -1 : 0;
}

static int check_namespaces(const struct spec *spec, struct rt_error *err)
{
    const struct spec_linux *linux = &spec->linux;
    const struct spec_namespace *user = &linux->namespaces[NS_USER];
    if ((linux->uid_maps.count || linux->gid_maps.count) && !user->wanted)
        return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "uidMappings and gidMappings need a user namespace");
    if (user->wanted && !user->path && (!linux->uid_maps.count || !linux->gid_maps.count))
        return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "uidMappings and gidMappings belong together");
    if ((spec->hostname || spec->domainname) && !linux->namespaces[NS_UTS].wanted)
        return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "unable to set hostname without a private UTS namespace");
    if (linux->net_device_count && (!linux->namespaces[NS_NETWORK].wanted))
        return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "netDevices need a network namespace");
    return 0;
}

/* runtime-spec, "IntelRdt": an error where it cannot be had. */
static int refuse_rdt(const json_t *section, struct rt_error *err)
{
    json_t *rdt = NULL;
    if (json_opt_obj(section, "intelRdt", &rdt, err)) return -1;
    return rdt ? rt_fail(err, "FEATURE_MISSING", 0, NULL, "intelRdt is not supported") : 0;
}

/* runtime-spec, "Masked Paths" and "Readonly Paths". */
static int check_absolute(const struct spec_strings *paths, const char *key, struct rt_error *err)
{
    for (size_t i = 0; i < paths->count; i++)
        if (paths->items[i][0] != '/') return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "%s[%zu]: '%s' is not an absolute path", key, i, paths->items[i]);
    return 0;
}

static int read_section(struct spec *spec, const json_t *section, struct rt_error *err)
{
    struct spec_linux *linux = &spec->linux;
    json_t *resources = NULL, *seccomp = NULL;
    void *devices = NULL;
    if (read_namespaces(spec, section, err) || read_idmaps(spec, section, "uidMappings", &linux->uid_maps, err) ||
        read_idmaps(spec, section, "gidMappings", &linux->gid_maps, err) ||
        read_items(spec, section, "devices", sizeof *linux->devices, read_device, &devices, &linux->device_count, err) || read_net_devices(spec, section, err) ||
        read_pairs(spec, section, "sysctl", &linux->sysctl, err) || json_opt_str(section, "cgroupsPath", &linux->cgroups_path, err) ||
        json_opt_obj(section, "resources", &resources, err) || json_opt_obj(section, "seccomp", &seccomp, err) || read_propagation(spec, section, err) ||
        read_strings(spec, section, "maskedPaths", &linux->masked_paths, err) || read_strings(spec, section, "readonlyPaths", &linux->readonly_paths, err) ||
        json_opt_str(section, "mountLabel", &linux->mount_label, err) || read_personality(spec, section, err) || read_time_offsets(spec, section, err) ||
        refuse_rdt(section, err) || check_absolute(&linux->masked_paths, "maskedPaths", err) || check_absolute(&linux->readonly_paths, "readonlyPaths", err) || memory_policy_read(spec, section, err))
        return -1;
    linux->devices = devices;
    if (resources && !(linux->resources = spec_resources_parse(spec, resources, err))) return -1;
    if (seccomp && read_seccomp(spec, seccomp, &linux->seccomp, err)) return rt_wrap(err, "seccomp");
    return default_maps(spec, err) || check_namespaces(spec, err) || check_sysctls(spec, err) ? -1 : 0;
}

int read_linux(struct spec *spec, const json_t *config, struct rt_error *err)
{
    json_t *section = NULL;
    if (json_opt_obj(config, "linux", &section, err)) return -1;
    if (!section) return check_namespaces(spec, err);
    return read_section(spec, section, err) ? rt_wrap(err, "linux") : 0;
}
