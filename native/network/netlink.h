#pragma once
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Netlink by hand: messages are appended to one buffer, sent by one call and answered one by one (libmnl has no static library, and all that
 * is needed of it fits here). Running out of memory while appending is kept in the buffer and reported by nl_send.
 */
struct nl {
    int fd;
    uint32_t seq;
};

struct nl_buf {
    unsigned char *data;
    size_t size, capacity;
    size_t message; /* offset of the message under construction */
    bool failed;
};

/* A socket of the family (NETLINK_ROUTE, NETLINK_NETFILTER) in the network namespace of the calling process. */
int nl_open(struct nl *nl, int family, struct rt_error *err);
void nl_close(struct nl *nl);
#define auto_nl __attribute__((cleanup(nl_close)))

void nl_buf_free(struct nl_buf *buf);
#define auto_nl_buf __attribute__((cleanup(nl_buf_free)))

/* Starts a message with its family header of `size` bytes; `nl` numbers it. Ends the message before. */
void nl_begin(struct nl *nl, struct nl_buf *buf, uint16_t type, uint16_t flags, const void *header, size_t size);
void nl_put(struct nl_buf *buf, uint16_t attribute, const void *data, size_t size);
void nl_put_u8(struct nl_buf *buf, uint16_t attribute, uint8_t value);
void nl_put_u16(struct nl_buf *buf, uint16_t attribute, uint16_t value);
void nl_put_u32(struct nl_buf *buf, uint16_t attribute, uint32_t value);
void nl_put_be32(struct nl_buf *buf, uint16_t attribute, uint32_t value);
void nl_put_be64(struct nl_buf *buf, uint16_t attribute, uint64_t value);
/* With its NUL. */
void nl_put_str(struct nl_buf *buf, uint16_t attribute, const char *value);
/* Raw bytes inside an attribute (a family header within a nest). */
void nl_put_raw(struct nl_buf *buf, const void *data, size_t size);
size_t nl_nest(struct nl_buf *buf, uint16_t attribute);
void nl_nest_end(struct nl_buf *buf, size_t nest);

/* The message under construction asks for an acknowledgement. */
void nl_want_answer(struct nl_buf *buf);

/* Called for each answer that is not an acknowledgement. Non-zero ends the exchange with that result. */
typedef int nl_reply(const struct nlmsghdr *message, void *context);

/*
 * Sends what is in the buffer and reads until the last message that asked for an acknowledgement (or a dump) is answered; empties the buffer.
 * 0, or the negative errno of the first message that the kernel refused; `reason` (may be NULL, 128 bytes) receives the kernel's own words.
 * A dump that a concurrent change interrupted gives -EINTR.
 */
int nl_talk(struct nl *nl, struct nl_buf *buf, nl_reply *reply, void *context, char *reason);
/* As nl_talk, with an error of the code; `what` is the failed action. */
int nl_send(struct nl *nl, struct nl_buf *buf, nl_reply *reply, void *context, struct rt_error *err, const char *code, const char *what);

/* Walks attributes: for (const struct nlattr *a = nl_first(…); nl_valid(a, end); a = nl_next(a)) */
static inline const unsigned char *nl_end(const struct nlmsghdr *m)
{
    return (const unsigned char *)m + m->nlmsg_len;
}
static inline const struct nlattr *nl_first(const struct nlmsghdr *m, size_t header)
{
    return (const struct nlattr *)(const void *)((const unsigned char *)m + NLMSG_HDRLEN + NLMSG_ALIGN(header));
}
static inline bool nl_valid(const struct nlattr *a, const unsigned char *end)
{
    return (const unsigned char *)a + sizeof(struct nlattr) <= end && a->nla_len >= sizeof(struct nlattr) && (const unsigned char *)a + a->nla_len <= end;
}
static inline const struct nlattr *nl_next(const struct nlattr *a)
{
    return (const struct nlattr *)(const void *)((const unsigned char *)a + NLA_ALIGN(a->nla_len));
}
static inline int nl_type(const struct nlattr *a)
{
    return a->nla_type & NLA_TYPE_MASK;
}
static inline const void *nl_data(const struct nlattr *a)
{
    return (const unsigned char *)a + sizeof(struct nlattr);
}
static inline size_t nl_size(const struct nlattr *a)
{
    return a->nla_len - sizeof(struct nlattr);
}
static inline const unsigned char *nl_nest_limit(const struct nlattr *a)
{
    return (const unsigned char *)a + a->nla_len;
}
static inline const struct nlattr *nl_inner(const struct nlattr *a)
{
    return (const struct nlattr *)nl_data(a);
}
uint32_t nl_u32(const struct nlattr *a);
/* NULL unless the attribute is a NUL-terminated string. */
const char *nl_str(const struct nlattr *a);
