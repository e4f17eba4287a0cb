#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/util.h"
#include "runtime/oci.h"
#include "runtime/state.h"

/* The config.json that `spec` writes: a shell, with the rights of a container that nobody gave more. */
static const char TEMPLATE[] =
    "{\"ociVersion\":\"" STATE_OCI_VERSION "\",\"process\":{\"terminal\":true,\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"sh\"],"
    "\"env\":[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\"TERM=xterm\"],\"cwd\":\"/\","
    "\"capabilities\":{\"bounding\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"],\"effective\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"],"
    "\"permitted\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"]},\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":1024}],\"noNewPrivileges\":true},"
    "\"root\":{\"path\":\"rootfs\",\"readonly\":true},\"hostname\":\"tsbuild\",\"mounts\":["
    "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
    "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"]},"
    "{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\",\"options\":[\"nosuid\",\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\",\"gid=5\"]},"
    "{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\",\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\",\"size=65536k\"]},"
    "{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\",\"source\":\"mqueue\",\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
    "{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\",\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]},"
    "{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\",\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"ro\"]}],"
    "\"linux\":{\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]},"
    "\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"},{\"type\":\"cgroup\"}],"
    "\"maskedPaths\":[\"/proc/acpi\",\"/proc/asound\",\"/proc/kcore\",\"/proc/keys\",\"/proc/latency_stats\",\"/proc/timer_list\",\"/proc/timer_stats\",\"/proc/sched_debug\",\"/sys/firmware\",\"/proc/scsi\"],"
    "\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\",\"/proc/sysrq-trigger\"]}}";

/* As runc has it: with v1 the cgroup namespace is for who asks for it. */
static void make_fit(json_t *config)
{
    json_t *list = json_object_get(json_object_get(config, "linux"), "namespaces");
    if (access("/sys/fs/cgroup/cgroup.controllers", F_OK)) json_array_remove(list, json_array_size(list) - 1);
}

/* What an unprivileged user cannot have: a network namespace's sysfs, a group 5 in devpts, a cgroup. */
static void make_rootless(json_t *config)
{
    json_t *os = json_object_get(config, "linux"), *mount;
    size_t i;
    json_object_set_new(os, "uidMappings", json_pack("[{s:i, s:i, s:i}]", "containerID", 0, "hostID", (int)geteuid(), "size", 1));
    json_object_set_new(os, "gidMappings", json_pack("[{s:i, s:i, s:i}]", "containerID", 0, "hostID", (int)getegid(), "size", 1));
    json_array_append_new(json_object_get(os, "namespaces"), json_pack("{s:s}", "type", "user"));
    json_object_del(os, "resources");
    json_array_foreach(json_object_get(config, "mounts"), i, mount)
    {
        const char *destination = json_string_value(json_object_get(mount, "destination"));
        json_t *options = json_object_get(mount, "options");
        if (strcmp(destination, "/dev/pts") == 0) json_array_remove(options, json_array_size(options) - 1);
        if (strcmp(destination, "/sys") != 0) continue;
        json_object_set_new(mount, "type", json_string("none"));
        json_object_set_new(mount, "source", json_string("/sys"));
        json_array_insert_new(options, 0, json_string("rbind"));
    }
}

int oci_spec(struct oci *oci, int argc, char **argv, struct rt_error *err)
{
    const char *bundle = ".";
    bool rootless = false;
    const struct oci_flag flags[] = {{"bundle", 'b', FLAG_TEXT, &bundle}, {"rootless", 0, FLAG_BOOL, &rootless}, {NULL, 0, FLAG_BOOL, NULL}};
    if (oci_flags(flags, false, &argc, argv, err) || oci_count(oci, "spec", argc, 0, 0, err)) return -1;
    auto_json json_t *config = json_parse(TEMPLATE, sizeof TEMPLATE - 1, "INTERNAL", "the template", err);
    if (!config) return -1;
    make_fit(config);
    if (rootless) make_rootless(config);
    auto_free char *text = json_dumps(config, JSON_INDENT(4));
    auto_close int directory = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_close int fd = directory < 0 ? -1 : openat(directory, "config.json", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
    if (!text) return rt_nomem(err);
    if (fd < 0 && errno == EEXIST) return rt_fail(err, "CONTAINER_EXISTS", 0, NULL, "file config.json exists. Remove it first");
    if (fd < 0 || write_all(fd, text, strlen(text)) || write_all(fd, "\n", 1)) return rt_fail_at(err, bundle, "NATIVE_FAILED", errno, "open", "cannot write config.json to '%s'", bundle);
    return 0;
}
