#include "network/shared_wire.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/util.h"

/* A holder answers at once; one that was stopped must not stop us. */
#define ANSWER_SECONDS 10

union control {
    struct cmsghdr header;
    char space[CMSG_SPACE(SHARED_FDS * sizeof(int))];
};

int shared_send(int socket, const void *data, size_t size, const int *fds, size_t count)
{
    union control control = { 0 };
    struct iovec part = { .iov_base = (void *)(uintptr_t)data, .iov_len = size };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    if (count > 0) {
        message.msg_control = control.space;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        control.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(count * sizeof(int)) };
        memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL) == (ssize_t)size ? 0 : -1;
}

long shared_receive(int socket, void *data, size_t size, int fds[SHARED_FDS])
{
    union control control = { 0 };
    struct iovec part = { .iov_base = data, .iov_len = size };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space };
    ssize_t n;
    fds[0] = fds[1] = -1;
    do
        n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    const struct cmsghdr *header = n < 0 ? NULL : CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        memcpy(fds, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
    return n;
}

/* By the descriptor: paths of sockets are short. */
static struct sockaddr_un name_of(int directory)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" SHARED_SOCKET_NAME, directory);
    return address;
}

int shared_listen(int directory)
{
    struct sockaddr_un address = name_of(directory);
    unlinkat(directory, SHARED_SOCKET_NAME, 0);
    auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 || listen(fd, SOMAXCONN) < 0 ? -1 : take_fd(&fd);
}

int shared_connect(int directory)
{
    struct sockaddr_un address = name_of(directory);
    struct timeval limit = { .tv_sec = ANSWER_SECONDS };
    auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0)
        return -1;
    return connect(fd, (const struct sockaddr *)&address, sizeof address) < 0 ? -1 : take_fd(&fd);
}
