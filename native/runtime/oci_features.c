#include <jansson.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/json.h"
#include "base/util.h"
#include "runtime/caps.h"
#include "runtime/mount_options.h"
#include "runtime/namespace.h"
#include "runtime/oci.h"
#include "runtime/seccomp_names.h"
#include "runtime/state.h"

/* runtime-spec, features.md. */

static json_t *names(const struct seccomp_name *table)
{
    json_t *list = json_array();
    for (; table->name; table++) json_array_append_new(list, json_string(table->name));
    return list;
}

static json_t *seccomp(void)
{
    return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o}", "enabled", 1, "actions", names(seccomp_actions), "operators", names(seccomp_operators), "archs", names(seccomp_architectures), "knownFlags",
                     names(seccomp_flags), "supportedFlags", names(seccomp_flags));
}

static json_t *namespaces(void)
{
    json_t *list = json_array();
    for (int kind = 0; kind < NS_KINDS; kind++) json_array_append_new(list, json_string(namespace_name(kind)));
    return list;
}

static json_t *capabilities(void)
{
    json_t *list = json_array();
    for (int number = 0; caps_name(number); number++) json_array_append_new(list, json_sprintf("CAP_%s", caps_name(number)));
    return list;
}

static json_t *mount_options(void)
{
    json_t *list = json_array();
    for (const char *const *name = mount_option_names(); *name; name++) json_array_append_new(list, json_string(*name));
    return list;
}

int oci_features(struct oci *oci, int argc, char **argv, struct rt_error *err)
{
    const struct oci_flag none[] = {{NULL, 0, FLAG_BOOL, NULL}};
    if (oci_flags(none, false, &argc, argv, err) || oci_count(oci, "features", argc, 0, 0, err)) return -1;
    const struct scmp_version *version = seccomp_version();
    json_t *os = json_pack("{s:o, s:o, s:{s:b, s:b, s:b, s:b, s:b}, s:o, s:{s:b}, s:{s:b}, s:{s:b}, s:{s:{s:b}}, s:{s:b}}", "namespaces", namespaces(), "capabilities", capabilities(), "cgroup", "v1", 1, "v2", 1,
                           "systemd", 1, "systemdUser", 1, "rdma", 1, "seccomp", seccomp(), "apparmor", "enabled", 1, "selinux", "enabled", 1, "intelRdt", "enabled", 0, "mountExtensions", "idmap",
                           "enabled", 1, "netDevices", "enabled", 1);
    auto_json json_t *features =
        json_pack("{s:s, s:s, s:[ssssss], s:o, s:o, s:{s:s, s:s, s:o}, s:[s]}", "ociVersionMin", "1.0.0", "ociVersionMax", STATE_OCI_VERSION, "hooks", "prestart", "createRuntime", "createContainer",
                  "startContainer", "poststart", "poststop", "mountOptions", mount_options(), "linux", os, "annotations", "org.opencontainers.runc.checkpoint.enabled", "false", "dev.tsbuild.core.version",
                  VERSION, "io.github.seccomp.libseccomp.version", json_sprintf("%u.%u.%u", version->major, version->minor, version->micro), "potentiallyUnsafeConfigAnnotations", "org.systemd.property.");
    auto_free char *text = features ? json_dumps(features, JSON_INDENT(4)) : NULL;
    if (!text) return rt_nomem(err);
    return puts(text) < 0;
}
