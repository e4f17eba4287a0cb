#include "network/netlink.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/util.h"

int nl_open(struct nl *nl, int family, struct rt_error *err)
{
    auto_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family);
    if (fd < 0)
        return rt_fail(err, errno == EPROTONOSUPPORT ? "FEATURE_MISSING" : "NETWORK_FAILED", errno, "socket", "cannot open a netlink socket");
    /* The kernel answers in the context of send(); the time limit is for a kernel that lost an answer. */
    struct timeval limit = { .tv_sec = 30 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    int on = 1;
    setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
    setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
    nl->fd = take_fd(&fd);
    nl->seq = 0;
    return 0;
}

void nl_close(struct nl *nl)
{
    util_close(&nl->fd);
}

void nl_buf_free(struct nl_buf *buf)
{
    free(buf->data);
    *buf = (struct nl_buf){ 0 };
}

/* Room for `size` bytes more, zeroed up to the alignment; NULL once memory ran out. */
static unsigned char *extend(struct nl_buf *buf, size_t size)
{
    size_t padded = NLMSG_ALIGN(size);
    if (buf->failed)
        return NULL;
    if (buf->capacity - buf->size < padded) {
        size_t capacity = (buf->capacity + padded) * 2;
        unsigned char *data = realloc(buf->data, capacity);
        if (!data) {
            buf->failed = true;
            return NULL;
        }
        buf->data = data;
        buf->capacity = capacity;
    }
    unsigned char *at = buf->data + buf->size;
    memset(at, 0, padded);
    buf->size += padded;
    return at;
}

static void set_length(struct nl_buf *buf)
{
    if (buf->failed || buf->size == 0)
        return;
    uint32_t length = (uint32_t)(buf->size - buf->message);
    memcpy(buf->data + buf->message, &length, sizeof length);
}

void nl_begin(struct nl *nl, struct nl_buf *buf, uint16_t type, uint16_t flags, const void *header, size_t size)
{
    buf->message = buf->size;
    struct nlmsghdr message = { .nlmsg_type = type, .nlmsg_flags = (uint16_t)(flags | NLM_F_REQUEST), .nlmsg_seq = ++nl->seq };
    nl_put_raw(buf, &message, sizeof message);
    nl_put_raw(buf, header, size);
}

void nl_want_answer(struct nl_buf *buf)
{
    struct nlmsghdr message;
    if (buf->failed || buf->size == 0)
        return;
    memcpy(&message, buf->data + buf->message, sizeof message);
    message.nlmsg_flags |= NLM_F_ACK;
    memcpy(buf->data + buf->message, &message, sizeof message);
}

void nl_put_raw(struct nl_buf *buf, const void *data, size_t size)
{
    unsigned char *at = extend(buf, size);
    if (at && size)
        memcpy(at, data, size);
    set_length(buf);
}

void nl_put(struct nl_buf *buf, uint16_t attribute, const void *data, size_t size)
{
    if (size > UINT16_MAX - sizeof(struct nlattr)) {
        buf->failed = true;
        return;
    }
    struct nlattr a = { .nla_len = (uint16_t)(sizeof(struct nlattr) + size), .nla_type = attribute };
    unsigned char *at = extend(buf, sizeof(struct nlattr) + size);
    if (!at)
        return;
    memcpy(at, &a, sizeof a);
    if (size)
        memcpy(at + sizeof(struct nlattr), data, size);
    set_length(buf);
}

void nl_put_u8(struct nl_buf *buf, uint16_t attribute, uint8_t value)
{
    nl_put(buf, attribute, &value, sizeof value);
}

void nl_put_u16(struct nl_buf *buf, uint16_t attribute, uint16_t value)
{
    nl_put(buf, attribute, &value, sizeof value);
}

void nl_put_u32(struct nl_buf *buf, uint16_t attribute, uint32_t value)
{
    nl_put(buf, attribute, &value, sizeof value);
}

void nl_put_be32(struct nl_buf *buf, uint16_t attribute, uint32_t value)
{
    nl_put_u32(buf, attribute, htonl(value));
}

void nl_put_be64(struct nl_buf *buf, uint16_t attribute, uint64_t value)
{
    value = htobe64(value);
    nl_put(buf, attribute, &value, sizeof value);
}

void nl_put_str(struct nl_buf *buf, uint16_t attribute, const char *value)
{
    nl_put(buf, attribute, value, strlen(value) + 1);
}

size_t nl_nest(struct nl_buf *buf, uint16_t attribute)
{
    size_t nest = buf->size;
    nl_put(buf, attribute | NLA_F_NESTED, NULL, 0);
    return nest;
}

void nl_nest_end(struct nl_buf *buf, size_t nest)
{
    if (buf->failed)
        return;
    size_t size = buf->size - nest;
    if (size > UINT16_MAX) {
        buf->failed = true;
        return;
    }
    uint16_t length = (uint16_t)size;
    memcpy(buf->data + nest, &length, sizeof length);
}

uint32_t nl_u32(const struct nlattr *a)
{
    uint32_t value = 0;
    if (nl_size(a) >= sizeof value)
        memcpy(&value, nl_data(a), sizeof value);
    return value;
}

const char *nl_str(const struct nlattr *a)
{
    const char *text = nl_data(a);
    return nl_size(a) > 0 && text[nl_size(a) - 1] == '\0' ? text : NULL;
}

/* The kernel's own words behind an error, when it gave some. */
static void extended_ack(const struct nlmsghdr *m, char *reason)
{
    if (!reason || !(m->nlmsg_flags & NLM_F_ACK_TLVS) || reason[0])
        return;
    const struct nlmsgerr *e = NLMSG_DATA(m);
    size_t header = sizeof *e;
    if (!(m->nlmsg_flags & NLM_F_CAPPED) && e->msg.nlmsg_len > sizeof(struct nlmsghdr))
        header += e->msg.nlmsg_len - sizeof(struct nlmsghdr);
    for (const struct nlattr *a = nl_first(m, header); nl_valid(a, nl_end(m)); a = nl_next(a)) {
        const char *text = nl_type(a) == NLMSGERR_ATTR_MSG ? nl_str(a) : NULL;
        if (text) {
            strncpy(reason, text, 127);
            reason[127] = '\0';
        }
    }
}

/* What ends the exchange: the answer to the last message that wants one. */
struct wanted {
    uint32_t first, last;
    bool dump;
};

static struct wanted wanted_answers(const struct nl_buf *buf)
{
    struct wanted w = { 0 };
    for (size_t at = 0; at < buf->size;) {
        struct nlmsghdr m;
        memcpy(&m, buf->data + at, sizeof m);
        if (w.first == 0)
            w.first = m.nlmsg_seq;
        if ((m.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP || (m.nlmsg_flags & NLM_F_ACK)) {
            w.last = m.nlmsg_seq;
            w.dump = !(m.nlmsg_flags & NLM_F_ACK);
        }
        at += NLMSG_ALIGN(m.nlmsg_len);
    }
    return w;
}

static int send_buffer(const struct nl *nl, const struct nl_buf *buf)
{
    /* The kernel takes one exchange as one datagram that must fit into the send buffer. */
    int size = (int)buf->size + 4096;
    if (buf->size > 100000 && setsockopt(nl->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0)
        setsockopt(nl->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
    ssize_t n;
    do
        n = sendto(nl->fd, buf->data, buf->size, 0, (struct sockaddr *)&kernel, sizeof kernel);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

/* One datagram of answers. True: more are to come. Errors are kept in *result. */
static bool take_answers(const unsigned char *data, size_t size, const struct wanted *w, nl_reply *reply, void *context, int *result, char *reason)
{
    for (size_t at = 0; at + sizeof(struct nlmsghdr) <= size;) {
        const struct nlmsghdr *m = (const struct nlmsghdr *)(const void *)(data + at);
        if (m->nlmsg_len < sizeof *m || m->nlmsg_len > size - at)
            return *result = -EBADMSG, false;
        at += NLMSG_ALIGN(m->nlmsg_len);
        if (m->nlmsg_seq < w->first || m->nlmsg_seq > w->last)
            continue; /* left over from an exchange that was given up */
        if ((m->nlmsg_flags & NLM_F_DUMP_INTR) && *result == 0)
            *result = -EINTR;
        if (m->nlmsg_type == NLMSG_ERROR) {
            const struct nlmsgerr *e = NLMSG_DATA(m);
            if (e->error != 0 && *result == 0) {
                *result = e->error;
                extended_ack(m, reason);
            }
            /* A batch that nfnetlink refuses as a whole is answered on its first message only. */
            if (m->nlmsg_seq == w->last || (e->error != 0 && m->nlmsg_seq == w->first))
                return false;
        } else if (m->nlmsg_type == NLMSG_DONE) {
            if (m->nlmsg_seq == w->last)
                return false;
        } else if (m->nlmsg_type >= NLMSG_MIN_TYPE && reply && *result == 0) {
            int verdict = reply(m, context);
            if (verdict != 0)
                *result = verdict;
        }
    }
    return true;
}

int nl_talk(struct nl *nl, struct nl_buf *buf, nl_reply *reply, void *context, char *reason)
{
    if (reason)
        reason[0] = '\0';
    struct wanted w = wanted_answers(buf);
    int result = buf->failed ? -ENOMEM : send_buffer(nl, buf);
    buf->size = 0;
    buf->failed = false;
    if (result != 0)
        return result;
    _Alignas(struct nlmsghdr) unsigned char answer[32768];
    for (bool more = w.last != 0; more;) {
        ssize_t n = recv(nl->fd, answer, sizeof answer, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 ? -EPIPE : -errno;
        more = take_answers(answer, (size_t)n, &w, reply, context, &result, reason);
    }
    return result;
}

int nl_send(struct nl *nl, struct nl_buf *buf, nl_reply *reply, void *context, struct rt_error *err, const char *code, const char *what)
{
    char reason[128];
    int result = nl_talk(nl, buf, reply, context, reason);
    if (result == 0)
        return 0;
    if (reason[0])
        return rt_fail(err, code, -result, "netlink", "cannot %s (%s)", what, reason);
    return rt_fail(err, code, -result, "netlink", "cannot %s", what);
}
