#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"
#include "monitor/monitor.h"

#define CHUNK 32768
/* Stdin that waits for the container, before its sender is made to wait. */
#define PENDING_LIMIT 131072
/* For a reader of the log that does not go on while files wait for it; the container's output waits as long. */
#define PATIENCE_MS 5000

static void set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/* `inner` for the container, `outer` for us. */
static int make_pipe(int *inner, struct watch *outer, bool to_container, struct rt_error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return rt_fail(err, "NATIVE_FAILED", errno, "pipe2", "cannot make a pipe for the container");
    *inner = ends[to_container ? 0 : 1];
    outer->fd = ends[to_container ? 1 : 0];
    set_nonblocking(outer->fd); /* only ours: the flag belongs to the open file, of which each end has its own */
    return 0;
}

int streams_prepare(struct monitor *m, int stdio[3], struct rt_error *err)
{
    struct streams *s = &m->streams;
    stdio[0] = stdio[1] = stdio[2] = -1;
    if (m->config->spec->process->terminal) return 0;
    if (m->config->stdin_mode != STDIN_NONE) {
        if (make_pipe(&stdio[0], &s->in, true, err)) return -1;
    } else if ((stdio[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0) {
        return rt_fail(err, "NATIVE_FAILED", errno, "open", "cannot open '/dev/null'");
    }
    return make_pipe(&stdio[1], &s->out, false, err) || make_pipe(&stdio[2], &s->err, false, err) ? -1 : 0;
}

static void close_watch(struct monitor *m, struct watch *watch)
{
    loop_unwatch(&m->loop, watch);
    util_close(&watch->fd);
}

static uint32_t output_events(const struct monitor *m, bool is_terminal)
{
    const struct streams *s = &m->streams;
    return (s->held ? 0 : (uint32_t)EPOLLIN) | (is_terminal && s->idle ? (uint32_t)EPOLLET : 0) | (is_terminal && s->pending.size > 0 ? (uint32_t)EPOLLOUT : 0);
}

static void watch_all(struct monitor *m)
{
    struct streams *s = &m->streams;
    struct rt_error ignored; /* the watches exist: changing them needs no memory */
    if (s->out.fd >= 0) loop_watch(&m->loop, &s->out, output_events(m, s->terminal), &ignored);
    if (s->err.fd >= 0) loop_watch(&m->loop, &s->err, output_events(m, false), &ignored);
    if (s->in.fd >= 0) loop_watch(&m->loop, &s->in, s->pending.size > 0 ? (uint32_t)EPOLLOUT : 0, &ignored);
}

static void end_output(struct monitor *m, struct watch *watch, enum log_stream stream)
{
    log_end(&m->log, stream);
    close_watch(m, watch);
}

/* One read. False when there is no more for now, or at all. */
static bool read_output(struct monitor *m, struct watch *watch, enum log_stream stream)
{
    char data[CHUNK];
    ssize_t n = read(watch->fd, data, sizeof data);
    if (n > 0) {
        log_write(&m->log, stream, data, (size_t)n);
        clients_output(m, stream, data, (size_t)n);
        return true;
    }
    /*
     * A terminal says EIO while nobody has its other side open; somebody may open it again, and closing ours would hang up on the process that it controls. Edges instead
     * of levels, or the hang-up would be reported without end.
     */
    if (n < 0 && errno == EIO && m->streams.terminal && !m->streams.idle) {
        m->streams.idle = true;
        watch_all(m);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR && errno != EIO)) {
        end_output(m, watch, stream);
    }
    return false;
}

static void lose_patience(struct timer *timer)
{
    struct monitor *m = container_of(timer, struct monitor, streams.patience);
    log_files_give_up(&m->log.files);
    streams_release(m);
}

static bool must_wait(struct monitor *m)
{
    if (clients_slow(m)) return true;
    if (!log_files_behind(&m->log.files)) return false;
    m->streams.patience.fire = lose_patience;
    if (!m->streams.patience.armed) loop_timer(&m->loop, &m->streams.patience, PATIENCE_MS);
    return true;
}

static void after_read(struct monitor *m)
{
    if (m->streams.held || !must_wait(m)) return;
    m->streams.held = true;
    watch_all(m);
}

void streams_release(struct monitor *m)
{
    if (!m->streams.held || must_wait(m)) return;
    m->streams.held = false;
    watch_all(m);
}

void streams_log_read(struct monitor *m)
{
    log_files_tidy(&m->log.files);
    loop_cancel(&m->loop, &m->streams.patience);
    streams_release(m);
}

static void write_pending(struct monitor *m)
{
    struct streams *s = &m->streams;
    int fd = s->terminal ? s->out.fd : s->in.fd;
    while (s->pending.size > 0 && fd >= 0) {
        ssize_t n = write(fd, s->pending.data, s->pending.size);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) break;
        if (n < 0) { /* EPIPE: the container has closed its stdin */
            buf_cut(&s->pending, 0);
            if (!s->terminal) close_watch(m, &s->in);
            break;
        }
        memmove(s->pending.data, s->pending.data + n, s->pending.size - (size_t)n);
        buf_cut(&s->pending, s->pending.size - (size_t)n);
    }
    if (s->pending.size == 0 && s->in_ends && !s->terminal) close_watch(m, &s->in);
    watch_all(m);
    if (!streams_full(m)) clients_resume(m);
}

static void out_ready(struct watch *watch, uint32_t events)
{
    struct monitor *m = container_of(watch, struct monitor, streams.out);
    if (m->streams.terminal && (events & EPOLLOUT)) write_pending(m);
    if (watch->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && (!m->streams.held || !(events & EPOLLIN))) read_output(m, watch, LOG_STDOUT);
    after_read(m);
}

static void err_ready(struct watch *watch, uint32_t events)
{
    struct monitor *m = container_of(watch, struct monitor, streams.err);
    (void)events;
    read_output(m, watch, LOG_STDERR);
    after_read(m);
}

static void in_ready(struct watch *watch, uint32_t events)
{
    struct monitor *m = container_of(watch, struct monitor, streams.in);
    if (events & (EPOLLERR | EPOLLHUP)) {
        buf_cut(&m->streams.pending, 0);
        close_watch(m, watch);
        clients_resume(m);
        return;
    }
    write_pending(m);
}

int streams_open(struct monitor *m, int terminal, struct rt_error *err)
{
    struct streams *s = &m->streams;
    s->terminal = terminal >= 0;
    s->held = s->in_ends = s->idle = false;
    if (s->terminal) {
        s->out.fd = terminal;
        set_nonblocking(terminal);
    }
    s->in.ready = in_ready;
    s->out.ready = out_ready;
    s->err.ready = err_ready;
    if (loop_watch(&m->loop, &s->out, output_events(m, s->terminal), err) || (s->err.fd >= 0 && loop_watch(&m->loop, &s->err, EPOLLIN, err)) ||
        (s->in.fd >= 0 && loop_watch(&m->loop, &s->in, s->pending.size > 0 ? (uint32_t)EPOLLOUT : 0, err)))
        return -1;
    if (s->pending.size > 0) write_pending(m); /* typed before the start */
    return 0;
}

void streams_drain(struct monitor *m)
{
    while (m->streams.out.fd >= 0 && read_output(m, &m->streams.out, LOG_STDOUT)) continue;
    while (m->streams.err.fd >= 0 && read_output(m, &m->streams.err, LOG_STDERR)) continue;
}

void streams_close(struct monitor *m)
{
    struct streams *s = &m->streams;
    if (s->out.fd >= 0) end_output(m, &s->out, LOG_STDOUT);
    if (s->err.fd >= 0) end_output(m, &s->err, LOG_STDERR);
    close_watch(m, &s->in);
    buf_cut(&s->pending, 0);
    s->in_ends = s->held = false;
    clients_resume(m);
}

bool streams_full(const struct monitor *m)
{
    return m->streams.pending.size >= PENDING_LIMIT;
}

void streams_write(struct monitor *m, const char *data, size_t size)
{
    struct rt_error ignored;
    struct streams *s = &m->streams;
    bool open = s->terminal ? s->out.fd >= 0 : s->in.fd >= 0;
    if (!open || s->in_ends || m->config->stdin_mode == STDIN_NONE) return;
    if (buf_add(&s->pending, data, size, &ignored) == 0) write_pending(m);
}

void streams_end_input(struct monitor *m)
{
    if (m->config->stdin_mode != STDIN_ONCE || m->streams.terminal) return;
    m->streams.in_ends = true;
    write_pending(m);
}

void streams_resize(struct monitor *m, int rows, int columns)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    if (m->streams.terminal && m->streams.out.fd >= 0) ioctl(m->streams.out.fd, TIOCSWINSZ, &size);
}
