#include "runtime/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/util.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static const struct {
    const char *type, *file;
    int flag;
} KINDS[NS_KINDS] = {
    [NS_USER] = {"user", "user", CLONE_NEWUSER},  [NS_PID] = {"pid", "pid", CLONE_NEWPID},       [NS_NETWORK] = {"network", "net", CLONE_NEWNET},
    [NS_IPC] = {"ipc", "ipc", CLONE_NEWIPC},      [NS_UTS] = {"uts", "uts", CLONE_NEWUTS},       [NS_CGROUP] = {"cgroup", "cgroup", CLONE_NEWCGROUP},
    [NS_TIME] = {"time", "time", CLONE_NEWTIME},  [NS_MOUNT] = {"mount", "mnt", CLONE_NEWNS},
};

int namespace_kind(const char *type)
{
    for (int kind = 0; kind < NS_KINDS; kind++)
        if (strcmp(KINDS[kind].type, type) == 0) return kind;
    return -1;
}

const char *namespace_name(int kind)
{
    return KINDS[kind].type;
}

const char *namespace_file(int kind)
{
    return KINDS[kind].file;
}

int namespace_flag(int kind)
{
    return KINDS[kind].flag;
}

/* "kernel.domainname" and the dotted or slashed spelling of the rest, as sysctl(8) takes them. */
int namespace_of_sysctl(const char *key)
{
    static const char *const IPC[] = {"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"};
    static const char *const UTS[] = {"kernel.domainname"}; /* kernel.hostname has a member of its own */
    char name[256];
    if (strlen(key) >= sizeof name) return -1;
    strcpy(name, key);
    for (char *c = name; *c; c++)
        if (*c == '/') *c = '.';
    for (size_t i = 0; i < ARRAY_LEN(IPC); i++)
        if (strcmp(IPC[i], name) == 0) return NS_IPC;
    for (size_t i = 0; i < ARRAY_LEN(UTS); i++)
        if (strcmp(UTS[i], name) == 0) return NS_UTS;
    if (strncmp(name, "fs.mqueue.", 10) == 0) return NS_IPC;
    if (strncmp(name, "net.", 4) == 0) return NS_NETWORK;
    return -1;
}

int namespaces_open(const struct spec_linux *config, int fds[NS_KINDS], struct rt_error *err)
{
    for (int kind = 0; kind < NS_KINDS; kind++) fds[kind] = -1;
    for (int kind = 0; kind < NS_KINDS; kind++) {
        const char *path = config->namespaces[kind].path;
        if (!path) continue;
        fds[kind] = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fds[kind] < 0) {
            int saved = errno;
            namespaces_close(fds);
            return rt_fail_at(err, path, "NATIVE_FAILED", saved, "open", "cannot open the %s namespace '%s'", KINDS[kind].type, path);
        }
        if (ioctl(fds[kind], NS_GET_NSTYPE) != KINDS[kind].flag) {
            namespaces_close(fds);
            return rt_fail_at(err, path, "RUNTIME_CONFIG_INVALID", 0, NULL, "'%s' is not a %s namespace", path, KINDS[kind].type);
        }
    }
    return 0;
}

void namespaces_close(int fds[NS_KINDS])
{
    for (int kind = 0; kind < NS_KINDS; kind++) util_close(&fds[kind]);
}

int namespace_join(int kind, int fd, struct rt_error *err)
{
    if (fd >= 0 && setns(fd, KINDS[kind].flag)) return rt_fail(err, "NATIVE_FAILED", errno, "setns", "cannot join the %s namespace", KINDS[kind].type);
    return 0;
}

int namespace_become_root(struct rt_error *err)
{
    if ((setresgid(0, 0, 0) || setresuid(0, 0, 0)) && errno != EINVAL) return rt_fail(err, "NATIVE_FAILED", errno, "setresuid", "cannot become root of the user namespace");
    return 0;
}
