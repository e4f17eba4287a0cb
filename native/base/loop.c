#include "base/loop.h"

#include <stddef.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"

#define BATCH 64

int64_t loop_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The clock rings for the soonest timer, or never. */
static void set_clock(struct loop *loop)
{
    struct itimerspec when = { 0 };
    if (loop->timers) {
        int64_t due = loop->timers->due > 0 ? loop->timers->due : 1;
        when.it_value.tv_sec = due / 1000000000;
        when.it_value.tv_nsec = due % 1000000000;
    }
    timerfd_settime(loop->clock, TFD_TIMER_ABSTIME, &when, NULL);
}

static void clock_rings(struct watch *watch, uint32_t events)
{
    struct loop *loop = container_of(watch, struct loop, clock_watch);
    uint64_t times;
    (void)events;
    if (read(watch->fd, &times, sizeof times) < 0)
        return; /* set anew since it rang */
    while (loop->timers && loop->timers->due <= loop_now()) {
        struct timer *timer = loop->timers;
        loop->timers = timer->next;
        timer->armed = false;
        timer->fire(timer);
    }
    set_clock(loop);
}

int loop_open(struct loop *loop, struct rt_error *err)
{
    *loop = (struct loop){ .fd = -1, .clock = -1 };
    loop->fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->fd < 0)
        return rt_fail(err, "NATIVE_FAILED", errno, "epoll_create1", "cannot make an event loop");
    loop->clock = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    loop->clock_watch = (struct watch){ .fd = loop->clock, .ready = clock_rings };
    if (loop->clock < 0) {
        rt_fail(err, "NATIVE_FAILED", errno, "timerfd_create", "cannot make an event loop");
        loop_close(loop);
        return -1;
    }
    if (loop_watch(loop, &loop->clock_watch, EPOLLIN, err) == 0)
        return 0;
    loop_close(loop);
    return -1;
}

void loop_close(struct loop *loop)
{
    util_close(&loop->clock);
    util_close(&loop->fd);
    loop->timers = NULL;
}

int loop_watch(struct loop *loop, struct watch *watch, uint32_t events, struct rt_error *err)
{
    struct epoll_event event = { .events = events, .data.ptr = watch };
    if (epoll_ctl(loop->fd, EPOLL_CTL_ADD, watch->fd, &event) == 0)
        return 0;
    if (errno == EEXIST && epoll_ctl(loop->fd, EPOLL_CTL_MOD, watch->fd, &event) == 0)
        return 0;
    return rt_fail(err, "NATIVE_FAILED", errno, "epoll_ctl", "cannot watch a descriptor");
}

void loop_unwatch(struct loop *loop, struct watch *watch)
{
    if (watch->fd < 0 || loop->fd < 0)
        return;
    epoll_ctl(loop->fd, EPOLL_CTL_DEL, watch->fd, NULL);
    for (int i = 0; i < loop->batch_size; i++)
        if (loop->batch[i].data.ptr == watch)
            loop->batch[i].data.ptr = NULL;
}

void loop_timer(struct loop *loop, struct timer *timer, int64_t milliseconds)
{
    loop_cancel(loop, timer);
    timer->due = loop_now() + milliseconds * 1000000;
    timer->armed = true;
    struct timer **at = &loop->timers;
    while (*at && (*at)->due <= timer->due)
        at = &(*at)->next;
    timer->next = *at;
    *at = timer;
    if (loop->timers == timer)
        set_clock(loop);
}

void loop_cancel(struct loop *loop, struct timer *timer)
{
    if (!timer->armed)
        return;
    struct timer **at = &loop->timers;
    while (*at && *at != timer)
        at = &(*at)->next;
    if (*at)
        *at = timer->next;
    timer->armed = false;
}

int loop_step(struct loop *loop, int milliseconds, struct rt_error *err)
{
    struct epoll_event batch[BATCH];
    int n = epoll_wait(loop->fd, batch, BATCH, milliseconds);
    if (n < 0)
        return errno == EINTR ? 0 : rt_fail(err, "NATIVE_FAILED", errno, "epoll_wait", "cannot wait for events");
    loop->batch = batch;
    loop->batch_size = n;
    for (int i = 0; i < n; i++) {
        struct watch *watch = batch[i].data.ptr;
        if (watch)
            watch->ready(watch, batch[i].events);
    }
    loop->batch = NULL;
    loop->batch_size = 0;
    return 0;
}
