#include "network/netns.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"

bool netns_is_ours(void)
{
    auto_close int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    auto_close int netns = any < 0 ? -1 : ioctl(any, SIOCGSKNS);
    return netns >= 0 || errno != EPERM;
}

int netns_open(pid_t pid, struct rt_error *err)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 ? fd : rt_fail(err, "NETWORK_FAILED", errno, "open", "cannot open the container's network namespace '%s'", path);
}

int netns_enter(int netns, struct netns_visit *visit, struct rt_error *err)
{
    auto_close int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (home < 0)
        return rt_fail(err, "NETWORK_FAILED", errno, "open", "cannot open the network namespace");
    if (setns(netns, CLONE_NEWNET) != 0)
        return rt_fail(err, "NETWORK_FAILED", errno, "setns", "cannot enter the container's network namespace");
    visit->home = take_fd(&home);
    return 0;
}

void netns_leave(struct netns_visit *visit)
{
    if (visit->home < 0)
        return;
    if (setns(visit->home, CLONE_NEWNET) != 0)
        abort(); /* what follows would change the wrong machine's network */
    util_close(&visit->home);
}
