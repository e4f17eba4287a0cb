#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_link.h>
#include <linux/mount.h>
#include <linux/netlink.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/idmap.h"
#include "base/plan.h"
#include "base/userns.h"
#include "base/util.h"
#include "verbs.h"

/* What the kernel and the place we run in allow. Each probe tries the thing itself and returns 0 or the errno of its failure. */
struct probe {
    const char *name;
    int (*run)(void);
};

static int filesystem(const char *name)
{
    auto_close int fd = (int)syscall(SYS_fsopen, name, FSOPEN_CLOEXEC);
    return fd < 0 ? errno : 0;
}

static int overlay_option(const char *key, const char *value)
{
    auto_close int fd = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
    if (fd < 0) return errno;
    return syscall(SYS_fsconfig, fd, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value, 0) < 0 ? errno : 0;
}

static int probe_overlay(void)
{
    return filesystem("overlay");
}

static int probe_overlay_append(void)
{
    /* Before Linux 6.5 any word is taken here. */
    return overlay_option("no_such_option", NULL) == 0 ? EINVAL : overlay_option("lowerdir+", "/");
}

static int probe_userxattr(void)
{
    return overlay_option("userxattr", NULL);
}

static int probe_erofs(void)
{
    return filesystem("erofs");
}

/* Runs a probe that changes its process in a child; errnos fit an exit status. */
static int in_child(int (*run)(void))
{
    pid_t child = fork();
    if (child < 0) return errno;
    if (child == 0) _exit(run());
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

static int enter_userns(void)
{
    return unshare(CLONE_NEWUSER) < 0 ? errno : 0;
}

static int probe_user_namespaces(void)
{
    return in_child(enter_userns);
}

static int enter_netns(void)
{
    return unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 ? 0 : errno;
}

static int probe_network_namespaces(void)
{
    return in_child(enter_netns);
}

/* Sends one request and returns the errno that the kernel answers. */
static int ask(int family, const void *request, size_t size)
{
    auto_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family);
    if (fd < 0) return errno;
    _Alignas(struct nlmsghdr) char reply[4096];
    if (send(fd, request, size, 0) < 0) return errno;
    ssize_t n = recv(fd, reply, sizeof reply, 0);
    if (n < 0) return errno;
    const struct nlmsghdr *header = (const struct nlmsghdr *)reply;
    if (n < (ssize_t)NLMSG_LENGTH(sizeof(int)) || header->nlmsg_type != NLMSG_ERROR) return 0;
    return -((const struct nlmsgerr *)NLMSG_DATA(header))->error;
}

static int make_bridge(void)
{
    struct {
        struct nlmsghdr header;
        struct ifinfomsg info;
        struct rtattr name;
        char name_text[8];
        struct rtattr link, kind;
        char kind_text[8];
    } request = {
        .header = { .nlmsg_len = sizeof request, .nlmsg_type = RTM_NEWLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK },
        .name = { .rta_len = sizeof(struct rtattr) + 8, .rta_type = IFLA_IFNAME },
        .name_text = "probe0",
        .link = { .rta_len = 2 * sizeof(struct rtattr) + 8, .rta_type = IFLA_LINKINFO },
        .kind = { .rta_len = sizeof(struct rtattr) + 7, .rta_type = IFLA_INFO_KIND },
        .kind_text = "bridge",
    };
    int errnum = enter_netns();
    return errnum ? errnum : ask(NETLINK_ROUTE, &request, sizeof request);
}

static int probe_bridge(void)
{
    return in_child(make_bridge);
}

static int read_generation(void)
{
    const struct {
        struct nlmsghdr header;
        struct nfgenmsg family;
    } request = { .header = { .nlmsg_len = sizeof request, .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, .nlmsg_flags = NLM_F_REQUEST } };
    int errnum = enter_netns();
    return errnum ? errnum : ask(NETLINK_NETFILTER, &request, sizeof request);
}

static int probe_nftables(void)
{
    return in_child(read_generation);
}

static int mount_procfs(void)
{
    auto_close int fs = (int)syscall(SYS_fsopen, "proc", FSOPEN_CLOEXEC);
    if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) return errno;
    auto_close int mount = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
    return mount < 0 ? errno : 0;
}

/* A user namespace gets no procfs that shows more than the one around it: a container's runtime may have covered parts of that. */
static int new_procfs(void)
{
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS) < 0) return errno;
    return in_child(mount_procfs);
}

static int probe_procfs(void)
{
    return in_child(new_procfs);
}

static int probe_seccomp(void)
{
    const unsigned action = SECCOMP_RET_ERRNO;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0 ? errno : 0;
}

/* A user namespace with one mapping, held open by a child that waits for the end of a pipe. */
static int open_mapped_userns(void)
{
    int hold[2], ready[2];
    if (pipe2(hold, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0) return -1;
    pid_t child = fork();
    if (child == 0) {
        char byte = unshare(CLONE_NEWUSER) == 0 ? 'y' : 'n';
        close(hold[1]);
        if (write_all(ready[1], &byte, 1) == 0) read_all(hold[0], &byte, 1);
        _exit(0);
    }
    char answer = 'n', path[64];
    struct idmap_range range = { .inside = 0, .outside = 0, .count = 1 };
    const struct idmap map = { .uid = &range, .gid = &range, .uid_count = 1, .gid_count = 1 };
    struct rt_error ignored;
    int fd = -1;
    if (child > 0 && read_all(ready[0], &answer, 1) == 1 && answer == 'y' && idmap_write(&map, child, &ignored) == 0) {
        snprintf(path, sizeof path, "/proc/%d/ns/user", child);
        fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    for (int i = 0; i < 2; i++) {
        close(hold[i]);
        close(ready[i]);
    }
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
    if (fd < 0) errno = EPERM;
    return fd;
}

static int probe_idmapped_mounts(void)
{
    auto_close int userns = open_mapped_userns();
    if (userns < 0) return errno;
    auto_close int tree = (int)syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0) return errno;
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned)userns };
    return syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0 ? errno : 0;
}

static int probe_resource_capability(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { 0 };
    if (in_user_namespace()) return EPERM; /* limits are the machine's */
    if (syscall(SYS_capget, &header, data) < 0) return errno;
    return data[CAP_TO_INDEX(CAP_SYS_RESOURCE)].effective & CAP_TO_MASK(CAP_SYS_RESOURCE) ? 0 : EPERM;
}

static const struct probe probes[] = {
    { "overlay", probe_overlay },
    { "overlayAppend", probe_overlay_append },
    { "userxattr", probe_userxattr },
    { "idmappedMounts", probe_idmapped_mounts },
    { "userNamespaces", probe_user_namespaces },
    { "networkNamespaces", probe_network_namespaces },
    { "procfs", probe_procfs },
    { "seccomp", probe_seccomp },
    { "nftables", probe_nftables },
    { "bridge", probe_bridge },
    { "erofs", probe_erofs },
    { "sysResource", probe_resource_capability },
};

/* ── control groups ── */

static json_t *words(const char *text, const char *separators)
{
    json_t *list = json_array();
    auto_free char *copy = strdup(text);
    char *rest = NULL;
    for (char *word = copy ? strtok_r(copy, separators, &rest) : NULL; word; word = strtok_r(NULL, separators, &rest)) json_array_append_new(list, json_string(word));
    return list;
}

static json_t *unified(const char *path)
{
    char text[1024] = "";
    auto_free char *name = NULL;
    if (asprintf(&name, "%s/cgroup.controllers", path) < 0) return NULL;
    auto_close int fd = open(name, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read_all(fd, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    return json_pack("{s:o,s:o,s:b}", "path", json_from_path(path), "controllers", words(text, " \n"), "writable", access(path, W_OK) == 0);
}

/* The controllers of a v1 hierarchy are among the super block options. */
static json_t *hierarchy(const char *path, const char *options)
{
    return json_pack("{s:o,s:o,s:b}", "path", json_from_path(path), "options", words(options, ",\n"), "writable", access(path, W_OK) == 0);
}

/* Splits a line of mountinfo(5): mount point, type, super block options. */
static bool mount_fields(char *line, char **point, char **type, char **options)
{
    char *rest = NULL, *field = strtok_r(line, " ", &rest);
    for (int i = 0; field && i < 4; i++) field = strtok_r(NULL, " ", &rest);
    *point = field;
    while (field && strcmp(field, "-") != 0) field = strtok_r(NULL, " ", &rest);
    *type = field ? strtok_r(NULL, " ", &rest) : NULL;
    *options = *type && strtok_r(NULL, " ", &rest) ? strtok_r(NULL, " ", &rest) : NULL;
    return *point && *options;
}

static json_t *cgroups(void)
{
    json_t *v2 = NULL, *v1 = json_array();
    auto_file FILE *file = fopen("/proc/self/mountinfo", "re");
    auto_free char *line = NULL;
    size_t size = 0;
    while (file && getline(&line, &size, file) > 0) {
        char *point, *type, *options;
        if (!mount_fields(line, &point, &type, &options)) continue;
        if (strcmp(type, "cgroup2") == 0 && !v2) v2 = unified(point);
        if (strcmp(type, "cgroup") == 0) json_array_append_new(v1, hierarchy(point, options));
    }
    const char *version = json_array_size(v1) > 0 ? (v2 ? "hybrid" : "v1") : v2 ? "v2" : "none";
    return json_pack("{s:s,s:o,s:o}", "version", version, "v2", v2 ? v2 : json_null(), "v1", v1);
}

/* {"verb":"probe"} ← {"kernel","userNamespace","features":{name:{"available":true}|{"available":false,"errno":"EPERM"}},"cgroup":{…}}. */
int verb_probe(struct plan *plan, struct rt_error *err)
{
    struct utsname system;
    if (json_allow(plan->json, err, "protocol", "verb", "idmap", NULL) < 0) return -1;
    if (uname(&system) < 0) return rt_fail(err, "NATIVE_FAILED", errno, "uname", "cannot read the kernel's version");
    json_t *features = json_object();
    for (size_t i = 0; i < ARRAY_LEN(probes); i++) {
        char number[16];
        int errnum = probes[i].run();
        json_t *feature = json_pack("{s:b}", "available", errnum == 0);
        if (errnum) json_object_set_new(feature, "errno", json_string(rt_errno_name(errnum, number)));
        json_object_set_new(features, probes[i].name, feature);
    }
    return plan_result(plan, json_pack("{s:s,s:b,s:o,s:o}", "kernel", system.release, "userNamespace", in_user_namespace(), "features", features, "cgroup", cgroups()), err);
}
