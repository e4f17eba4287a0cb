#include "runtime/mount_options.h"

#include <linux/mount.h>
#include <string.h>

#include "base/util.h"

/* uapi's linux/mount.h and glibc's sys/mount.h define the same names and cannot be included together before glibc 2.37. */
enum { ATTR_ATIME_MASK = MOUNT_ATTR__ATIME };

enum effect { SET, CLEAR, PROPAGATE, ATTR_SET, ATTR_CLEAR, BIND, RBIND, COPY_UP, NOFOLLOW, IGNORE, IDMAP, RIDMAP };

static const struct option {
    const char *name;
    enum effect effect;
    uint64_t value;
} OPTIONS[] = {
    {"defaults", IGNORE, 0},
    {"bind", BIND, 0},
    {"rbind", RBIND, 0},
    {"ro", SET, MS_RDONLY},
    {"rw", CLEAR, MS_RDONLY},
    {"nosuid", SET, MS_NOSUID},
    {"suid", CLEAR, MS_NOSUID},
    {"nodev", SET, MS_NODEV},
    {"dev", CLEAR, MS_NODEV},
    {"noexec", SET, MS_NOEXEC},
    {"exec", CLEAR, MS_NOEXEC},
    {"sync", SET, MS_SYNCHRONOUS},
    {"async", CLEAR, MS_SYNCHRONOUS},
    {"dirsync", SET, MS_DIRSYNC},
    {"remount", SET, MS_REMOUNT},
    {"mand", SET, MS_MANDLOCK},
    {"nomand", CLEAR, MS_MANDLOCK},
    {"noatime", SET, MS_NOATIME},
    {"atime", CLEAR, MS_NOATIME},
    {"nodiratime", SET, MS_NODIRATIME},
    {"diratime", CLEAR, MS_NODIRATIME},
    {"relatime", SET, MS_RELATIME},
    {"norelatime", CLEAR, MS_RELATIME},
    {"strictatime", SET, MS_STRICTATIME},
    {"nostrictatime", CLEAR, MS_STRICTATIME},
    {"lazytime", SET, MS_LAZYTIME},
    {"nolazytime", CLEAR, MS_LAZYTIME},
    {"silent", SET, MS_SILENT},
    {"loud", CLEAR, MS_SILENT},
    {"iversion", SET, MS_I_VERSION},
    {"noiversion", CLEAR, MS_I_VERSION},
    {"acl", SET, MS_POSIXACL},
    {"noacl", CLEAR, MS_POSIXACL},
    {"nosymfollow", SET, 256 /* MS_NOSYMFOLLOW, Linux 5.10 */},
    {"symfollow", CLEAR, 256},
    {"private", PROPAGATE, MS_PRIVATE},
    {"shared", PROPAGATE, MS_SHARED},
    {"slave", PROPAGATE, MS_SLAVE},
    {"unbindable", PROPAGATE, MS_UNBINDABLE},
    {"rprivate", PROPAGATE, MS_PRIVATE | MS_REC},
    {"rshared", PROPAGATE, MS_SHARED | MS_REC},
    {"rslave", PROPAGATE, MS_SLAVE | MS_REC},
    {"runbindable", PROPAGATE, MS_UNBINDABLE | MS_REC},
    {"rro", ATTR_SET, MOUNT_ATTR_RDONLY},
    {"rrw", ATTR_CLEAR, MOUNT_ATTR_RDONLY},
    {"rnosuid", ATTR_SET, MOUNT_ATTR_NOSUID},
    {"rsuid", ATTR_CLEAR, MOUNT_ATTR_NOSUID},
    {"rnodev", ATTR_SET, MOUNT_ATTR_NODEV},
    {"rdev", ATTR_CLEAR, MOUNT_ATTR_NODEV},
    {"rnoexec", ATTR_SET, MOUNT_ATTR_NOEXEC},
    {"rexec", ATTR_CLEAR, MOUNT_ATTR_NOEXEC},
    {"rnodiratime", ATTR_SET, MOUNT_ATTR_NODIRATIME},
    {"rdiratime", ATTR_CLEAR, MOUNT_ATTR_NODIRATIME},
    {"rrelatime", ATTR_SET, MOUNT_ATTR_RELATIME},
    {"rnorelatime", ATTR_CLEAR, MOUNT_ATTR_RELATIME},
    {"rnoatime", ATTR_SET, MOUNT_ATTR_NOATIME},
    {"ratime", ATTR_CLEAR, MOUNT_ATTR_NOATIME},
    {"rstrictatime", ATTR_SET, MOUNT_ATTR_STRICTATIME},
    {"rnostrictatime", ATTR_CLEAR, MOUNT_ATTR_STRICTATIME},
    {"rnosymfollow", ATTR_SET, MOUNT_ATTR_NOSYMFOLLOW},
    {"rsymfollow", ATTR_CLEAR, MOUNT_ATTR_NOSYMFOLLOW},
    {"tmpcopyup", COPY_UP, 0},
    {"src-nofollow", NOFOLLOW, 0},
    {"idmap", IDMAP, 0},
    {"ridmap", RIDMAP, 0},
};

/* An access time mode is a field of its own: the kernel wants the whole field cleared with whichever value is set. */
static void attribute(struct spec_mount *mount, bool set, uint64_t value)
{
    bool atime = (value & ~(uint64_t)ATTR_ATIME_MASK) == 0; /* MOUNT_ATTR_RELATIME is 0 */
    if (set) {
        if (atime) mount->recursive_set &= ~(uint64_t)ATTR_ATIME_MASK;
        mount->recursive_set |= value;
        mount->recursive_clear |= atime ? (uint64_t)ATTR_ATIME_MASK : 0;
        if (!atime) mount->recursive_clear &= ~value;
    } else {
        mount->recursive_clear |= atime ? (uint64_t)ATTR_ATIME_MASK : value;
        mount->recursive_set &= ~value;
    }
}

static void apply(struct spec_mount *mount, const struct option *option)
{
    switch (option->effect) {
    case SET:
        mount->flags |= option->value;
        mount->flags_clear &= ~option->value;
        break;
    case CLEAR:
        mount->flags &= ~option->value;
        mount->flags_clear |= option->value;
        break;
    case PROPAGATE: mount->propagation = option->value; break;
    case ATTR_SET: attribute(mount, true, option->value); break;
    case ATTR_CLEAR: attribute(mount, false, option->value); break;
    case BIND: mount->bind = true; break;
    case RBIND: mount->bind = mount->recursive_bind = true; break;
    case COPY_UP: mount->copy_up = true; break;
    case NOFOLLOW: mount->source_nofollow = true; break;
    case IDMAP: mount->idmap = true; break;
    case RIDMAP: mount->idmap = mount->idmap_recursive = true; break;
    case IGNORE: break;
    }
}

static const struct option *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(OPTIONS); i++)
        if (strcmp(OPTIONS[i].name, name) == 0) return &OPTIONS[i];
    return NULL;
}

int mount_options_parse(struct spec *spec, const struct spec_strings *options, struct spec_mount *mount, struct rt_error *err)
{
    for (size_t i = 0; i < options->count; i++) {
        const char *name = options->items[i];
        const struct option *option = find(name);
        if (option) apply(mount, option);
        else if (*name && !(mount->data = mount->data ? arena_printf(&spec->arena, err, "%s,%s", mount->data, name) : arena_strdup(&spec->arena, name, err)))
            return -1;
    }
    return 0;
}

const char *const *mount_option_names(void)
{
    static const char *names[ARRAY_LEN(OPTIONS) + 1];
    for (size_t i = 0; i < ARRAY_LEN(OPTIONS); i++) names[i] = OPTIONS[i].name;
    return names;
}
