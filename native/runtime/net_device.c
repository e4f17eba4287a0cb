#include "runtime/net_device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "network/link.h"
#include "network/netlink.h"

/* Addresses as the kernel listed them: header and attributes of each, to be said again in the other namespace. */
struct addresses {
    int index;
    struct buf messages; /* RTM_NEWADDR messages, one after the other */
    struct rt_error *err;
};

/* What the kernel itself makes again (link-local) and what expires stays behind. */
static int keep_address(const struct nlmsghdr *message, void *context)
{
    struct addresses *list = context;
    const struct ifaddrmsg *header = NLMSG_DATA(message);
    if (message->nlmsg_type != RTM_NEWADDR || (int)header->ifa_index != list->index || header->ifa_scope != RT_SCOPE_UNIVERSE || !(header->ifa_flags & IFA_F_PERMANENT)) return 0;
    size_t size = NLMSG_ALIGN(message->nlmsg_len);
    if (buf_add(&list->messages, message, message->nlmsg_len, list->err)) return 1;
    while (list->messages.size % NLMSG_ALIGNTO)
        if (buf_add(&list->messages, "", 1, list->err)) return 1;
    return size ? 0 : 1;
}

static int read_addresses(struct nl *nl, struct addresses *list, struct rt_error *err)
{
    auto_nl_buf struct nl_buf request = {0};
    const struct ifaddrmsg all = {.ifa_family = AF_UNSPEC};
    nl_begin(nl, &request, RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, &all, sizeof all);
    return nl_send(nl, &request, keep_address, list, err, "NETWORK_FAILED", "cannot read the addresses of an interface");
}

static int move(struct nl *nl, int index, const char *name, int netns, struct rt_error *err)
{
    auto_nl_buf struct nl_buf request = {0};
    const struct ifinfomsg header = {.ifi_family = AF_UNSPEC, .ifi_index = index};
    nl_begin(nl, &request, RTM_NEWLINK, NLM_F_REQUEST, &header, sizeof header);
    nl_put_str(&request, IFLA_IFNAME, name);
    nl_put_u32(&request, IFLA_NET_NS_FD, (uint32_t)netns);
    nl_want_answer(&request);
    return nl_send(nl, &request, NULL, NULL, err, "NETWORK_FAILED", "cannot move an interface into the container");
}

/* In the container's namespace: addresses first, then up, so that routes that come with them appear. */
static int set_up(const char *name, const struct addresses *list, struct rt_error *err)
{
    auto_nl struct nl nl = {.fd = -1};
    auto_nl_buf struct nl_buf request = {0};
    struct link link;
    if (nl_open(&nl, NETLINK_ROUTE, err)) return -1;
    if (link_find(&nl, name, &link, err) != 1) return rt_fail(err, "NETWORK_FAILED", ENODEV, NULL, "the interface '%s' is not in the container", name);
    for (size_t at = 0; at < list->messages.size;) {
        const struct nlmsghdr *message = (const void *)(list->messages.data + at);
        struct ifaddrmsg header = *(const struct ifaddrmsg *)NLMSG_DATA(message);
        header.ifa_index = (unsigned)link.index;
        nl_begin(&nl, &request, RTM_NEWADDR, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof header);
        size_t skip = NLMSG_LENGTH(NLMSG_ALIGN(sizeof header));
        for (struct rtattr *a = (void *)((char *)(uintptr_t)message + skip); RTA_OK(a, (int)(message->nlmsg_len - (size_t)((char *)a - (const char *)message))); a = (void *)((char *)a + RTA_ALIGN(a->rta_len)))
            if (a->rta_type != IFA_CACHEINFO && a->rta_type != IFA_LABEL) nl_put(&request, a->rta_type, RTA_DATA(a), RTA_PAYLOAD(a));
        nl_want_answer(&request);
        at += NLMSG_ALIGN(message->nlmsg_len);
    }
    link_put_up(&nl, &request, link.index);
    return nl_send(&nl, &request, NULL, NULL, err, "NETWORK_FAILED", "cannot set up an interface in the container");
}

/* A process of its own enters the namespace: to come back would need rights that root of a user namespace has not. */
static int set_up_inside(const char *name, const struct addresses *list, int netns, struct rt_error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return rt_fail(err, "NETWORK_FAILED", errno, "pipe2", "cannot set up an interface in the container");
    pid_t pid = fork();
    if (pid == 0) {
        struct rt_error fault = {0};
        int failed = setns(netns, CLONE_NEWNET) ? rt_fail(&fault, "NETWORK_FAILED", errno, "setns", "cannot enter the container's network namespace") : set_up(name, list, &fault);
        if (failed) rt_error_send(ends[1], &fault);
        _exit(0);
    }
    close(ends[1]);
    auto_close int reader = ends[0];
    if (pid < 0) return rt_fail(err, "NETWORK_FAILED", errno, "fork", "cannot set up an interface in the container");
    int told = rt_error_recv(reader, err);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
    return told ? -1 : 0;
}

static int move_one(struct nl *nl, const struct spec_net_device *device, int netns, struct rt_error *err)
{
    struct link link;
    int found = link_find(nl, device->host_name, &link, err);
    if (found < 0) return -1;
    if (!found) return rt_fail(err, "NETWORK_FAILED", ENODEV, NULL, "the host has no interface '%s'", device->host_name);
    struct addresses list = {.index = link.index, .err = err};
    int result = read_addresses(nl, &list, err) || move(nl, link.index, device->name, netns, err) || set_up_inside(device->name, &list, netns, err) ? -1 : 0;
    buf_free(&list.messages);
    return result;
}

int net_devices_move(const struct spec_linux *config, int netns, struct rt_error *err)
{
    auto_nl struct nl nl = {.fd = -1};
    if (!config->net_device_count) return 0;
    if (nl_open(&nl, NETLINK_ROUTE, err)) return -1;
    for (size_t i = 0; i < config->net_device_count; i++)
        if (move_one(&nl, &config->net_devices[i], netns, err)) return rt_wrap(err, "netDevices: '%s'", config->net_devices[i].host_name);
    return 0;
}
