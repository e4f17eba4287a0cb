#include "runtime/send_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/util.h"

/* A socket's address holds 107 bytes; a longer path is reached through its descriptor. */
static int connect_to(int sock, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    auto_close int fd = -1;
    if (strlen(path) < sizeof address.sun_path) strcpy(address.sun_path, path);
    else if ((fd = open(path, O_PATH | O_CLOEXEC)) < 0) return -1;
    else snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", fd);
    return connect(sock, (struct sockaddr *)&address, sizeof address);
}

int send_fd(const char *path, int fd, const void *data, size_t size, const char *what, struct rt_error *err)
{
    auto_close int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (sock < 0 || connect_to(sock, path)) return rt_fail_at(err, path, "NATIVE_FAILED", errno, "connect", "failed to connect with %s '%s'", what, path);
    struct iovec part = {.iov_base = (void *)data, .iov_len = size};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {0};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    return sendmsg(sock, &message, MSG_NOSIGNAL) < 0 ? rt_fail_at(err, path, "NATIVE_FAILED", errno, "sendmsg", "cannot send to the %s '%s'", what, path) : 0;
}
