#include "network/sysctl.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"

#define ROOT "/proc/sys/net/"

int sysctl_get(const char *name, long *out)
{
    char path[256], text[32];
    snprintf(path, sizeof path, ROOT "%s", name);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read_all(fd, text, sizeof text - 1);
    if (n <= 0)
        return -1;
    text[n] = '\0';
    *out = strtol(text, NULL, 10);
    return 0;
}

int sysctl_set(const char *name, long value, struct rt_error *err)
{
    char path[256], text[32];
    long now;
    if (sysctl_get(name, &now) == 0 && now == value)
        return 0;
    snprintf(path, sizeof path, ROOT "%s", name);
    int size = snprintf(text, sizeof text, "%ld\n", value);
    auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write_all(fd, text, (size_t)size) < 0)
        return rt_fail_at(err, path, "NETWORK_FAILED", errno, fd < 0 ? "open" : "write", "cannot set '%s' to %ld", path, value);
    return 1;
}

/* Forwarding makes the kernel ignore router advertisements unless accept_ra is 2: a host that lives on them would lose its way out. */
static void keep_router_advertisements(void)
{
    auto_dir DIR *dir = opendir(ROOT "ipv6/conf");
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        char name[sizeof "ipv6/conf//accept_ra" + sizeof entry->d_name];
        struct rt_error ignored; /* an interface may vanish while we look */
        long value;
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "all") == 0 || strcmp(entry->d_name, "default") == 0)
            continue;
        snprintf(name, sizeof name, "ipv6/conf/%s/accept_ra", entry->d_name);
        if (sysctl_get(name, &value) == 0 && value == 1)
            sysctl_set(name, 2, &ignored);
    }
}

int sysctl_forward(int family, struct rt_error *err)
{
    const char *name = family == AF_INET ? "ipv4/ip_forward" : "ipv6/conf/all/forwarding";
    long value;
    if (sysctl_get(name, &value) == 0 && value != 0)
        return 0;
    if (family == AF_INET6)
        keep_router_advertisements();
    return sysctl_set(name, 1, err);
}
