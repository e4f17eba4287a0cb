#include "runtime/sync.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/util.h"

int sync_pair(int pair[2], struct rt_error *err)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) return rt_fail(err, "NATIVE_FAILED", errno, "socketpair", "cannot make the socket to the container");
    return 0;
}

int sync_send(int sock, enum sync_type type, const void *data, size_t size, int fd)
{
    uint32_t head = type;
    struct iovec parts[2] = {{.iov_base = &head, .iov_len = sizeof head}, {.iov_base = (void *)data, .iov_len = size}};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {0};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = size ? 2 : 1};
    if (size > SYNC_DATA_MAX) return errno = EMSGSIZE, -1;
    if (fd >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    ssize_t sent;
    do sent = sendmsg(sock, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -1 : 0;
}

int sync_recv(int sock, struct sync_message *out, struct rt_error *err)
{
    uint32_t head = 0;
    struct iovec parts[2] = {{.iov_base = &head, .iov_len = sizeof head}, {.iov_base = out->data, .iov_len = sizeof out->data}};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof out->fd)];
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t got;
    out->fd = -1;
    out->size = 0;
    do got = recvmsg(sock, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got == 0 || (got < 0 && errno == ECONNRESET)) return 0;
    if (got < 0) return rt_fail(err, "NATIVE_FAILED", errno, "recvmsg", "cannot hear from the container");
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header))
        if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) memcpy(&out->fd, CMSG_DATA(header), sizeof out->fd);
    if ((size_t)got < sizeof head || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) return rt_fail(err, "NATIVE_FAILED", EPROTO, "recvmsg", "cannot hear from the container");
    out->type = (enum sync_type)head;
    out->size = (size_t)got - sizeof head;
    return 1;
}

int sync_expect(int sock, enum sync_type type, struct sync_message *message, struct rt_error *err)
{
    int got = sync_recv(sock, message, err);
    if (got < 0) return -1;
    if (got == 0) return rt_fail(err, "NATIVE_FAILED", 0, NULL, "the container's first process ended before it was set up");
    if (message->type == SYNC_ERROR && message->size == sizeof *err) {
        memcpy(err, message->data, sizeof *err);
        return -1;
    }
    if (message->type != type) {
        util_close(&message->fd);
        return rt_fail(err, "NATIVE_FAILED", EPROTO, NULL, "the container's first process sent message %d instead of %d", message->type, type);
    }
    return 0;
}
