#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Messages between a runtime process and the init process of a container, one datagram each, over a SOCK_SEQPACKET pair (or the start socket).
 * The end of the stream means: the init process has become the user's process, or has died.
 */
enum sync_type {
    SYNC_GO = 1,      /* to init: what it waited for is done */
    SYNC_PID,         /* from the helper that joins namespaces: pid of init, as the receiver sees it */
    SYNC_HOOKS,       /* from init: namespaces stand, now the createRuntime hooks; answered by GO */
    SYNC_WARNING,     /* from init: text */
    SYNC_DEBUG,       /* from init: text, where the caller wants such */
    SYNC_MOUNT_POINT, /* from init: struct mount_point and its path */
    SYNC_TERMINAL,    /* from init: descriptor of the terminal's master */
    SYNC_SECCOMP,     /* from init: descriptor of the seccomp listener; answered by GO */
    SYNC_READY,       /* from init: everything is made, it waits for the start */
    SYNC_ERROR,       /* from init: struct rt_error, then it exits */
};

enum { SYNC_DATA_MAX = 8192 };

struct sync_message {
    enum sync_type type;
    size_t size;
    int fd; /* -1, or a descriptor that belongs to the receiver */
    _Alignas(max_align_t) char data[SYNC_DATA_MAX];
};

int sync_pair(int pair[2], struct rt_error *err);
/* 0, or -1 with errno (EPIPE: the other end is gone). */
int sync_send(int sock, enum sync_type type, const void *data, size_t size, int fd);
/* 1 a message, 0 the other end is closed, -1 failed. */
int sync_recv(int sock, struct sync_message *message, struct rt_error *err);
/* Waits for one message of this type. A SYNC_ERROR becomes the error; the end of the stream is an error. */
int sync_expect(int sock, enum sync_type type, struct sync_message *message, struct rt_error *err);
