#include "runtime/recv_fd.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/util.h"

int recv_fd_listen(const char *path, struct rt_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    auto_close int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (strlen(path) >= sizeof address.sun_path) return rt_fail_at(err, path, "NATIVE_FAILED", ENAMETOOLONG, "bind", "cannot listen at '%s'", path);
    strcpy(address.sun_path, path);
    if (sock < 0 || bind(sock, (struct sockaddr *)&address, sizeof address) || listen(sock, 1)) return rt_fail_at(err, path, "NATIVE_FAILED", errno, "bind", "cannot listen at '%s'", path);
    return take_fd(&sock);
}

static int wait_ready(int fd, struct rt_error *err)
{
    enum { PATIENCE_MS = 10000 };
    return readable_within(fd, PATIENCE_MS) ? 0 : rt_fail(err, "RUNTIME_FAILED", ETIMEDOUT, "poll", "the runtime sent no terminal");
}

int recv_fd_accept(int listener, struct rt_error *err)
{
    char data[256];
    int fd = -1;
    struct iovec part = {.iov_base = data, .iov_len = sizeof data};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {0};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (wait_ready(listener, err)) return -1;
    auto_close int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (sock < 0 || wait_ready(sock, err)) return sock < 0 ? rt_fail(err, "NATIVE_FAILED", errno, "accept4", "the runtime sent no terminal") : -1;
    if (recvmsg(sock, &message, MSG_CMSG_CLOEXEC) < 0) return rt_fail(err, "NATIVE_FAILED", errno, "recvmsg", "the runtime sent no terminal");
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return rt_fail(err, "RUNTIME_FAILED", 0, NULL, "the runtime sent no terminal");
    memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}
