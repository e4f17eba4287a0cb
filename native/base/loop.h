#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/error.h"

/*
 * One epoll descriptor, what it watches, and timers. A loop can be watched by another loop: its descriptor is readable when it has work, due
 * timers included. Watches and timers are members of the structs they serve; their callbacks find those by container_of.
 */
struct watch {
    int fd;
    void (*ready)(struct watch *watch, uint32_t events);
};

struct timer {
    int64_t due; /* CLOCK_BOOTTIME, nanoseconds */
    bool armed;
    void (*fire)(struct timer *timer);
    struct timer *next;
};

struct loop {
    int fd; /* epoll */
    int clock;
    struct watch clock_watch;
    struct timer *timers;             /* armed ones, soonest first */
    struct epoll_event *batch;        /* being handed out */
    int batch_size;
};

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

int loop_open(struct loop *loop, struct rt_error *err);
void loop_close(struct loop *loop);

/* Begins to watch, or changes the events of what is watched. */
int loop_watch(struct loop *loop, struct watch *watch, uint32_t events, struct rt_error *err);
/* No callback comes after it, whatever is already known of. Does not close. Nothing happens for a watch with fd -1. */
void loop_unwatch(struct loop *loop, struct watch *watch);

/* Once, after that many milliseconds; an armed timer is set anew. */
void loop_timer(struct loop *loop, struct timer *timer, int64_t milliseconds);
void loop_cancel(struct loop *loop, struct timer *timer);

/* Waits (milliseconds; -1 without end, 0 not at all) and hands out what is ready. 0, or -1 when waiting itself failed. A signal ends the wait. */
int loop_step(struct loop *loop, int milliseconds, struct rt_error *err);

/* Nanoseconds of CLOCK_BOOTTIME: a suspended machine's time counts. */
int64_t loop_now(void);
