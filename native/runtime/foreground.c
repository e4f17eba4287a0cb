#include "runtime/foreground.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "base/json.h"
#include "base/util.h"
#include "runtime/notify.h"

struct relay {
    const struct foreground *options;
    int terminal, signals, resize;
    bool raw, input_open;
    struct termios before;
    struct buf typed; /* what the terminal has not taken yet */
    struct buf sizes; /* an unfinished line of `resize` */
};

/* More of stdin is left where it is until the process reads. */
#define TYPED_LIMIT 65536

static void copy_size(int terminal)
{
    struct winsize size;
    if (terminal >= 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) ioctl(terminal, TIOCSWINSZ, &size);
}

static void take_signals(const struct relay *self)
{
    struct signalfd_siginfo info;
    while (read(self->signals, &info, sizeof info) == sizeof info) {
        int signo = (int)info.ssi_signo;
        if (signo == SIGWINCH) copy_size(self->terminal);
        else if (signo != SIGCHLD && signo != SIGPIPE && signo != SIGURG) syscall(SYS_pidfd_send_signal, self->options->pidfd, signo, NULL, 0);
    }
}

static void set_size(const struct relay *self, const char *line)
{
    struct rt_error ignored;
    int64_t rows, columns;
    auto_json json_t *size = json_parse(line, strlen(line), "PLAN_INVALID", "a terminal size", &ignored);
    if (!size || json_req_i64(size, "rows", 0, UINT16_MAX, &rows, &ignored) || json_req_i64(size, "cols", 0, UINT16_MAX, &columns, &ignored)) return;
    const struct winsize wanted = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    if (self->terminal >= 0) ioctl(self->terminal, TIOCSWINSZ, &wanted);
}

static void take_sizes(struct relay *self)
{
    enum { LINE_MAX_SIZE = 256 };
    struct rt_error ignored;
    char data[256];
    ssize_t size = read(self->resize, data, sizeof data);
    if (size <= 0) {
        self->resize = -1;
        return;
    }
    if (self->sizes.size > LINE_MAX_SIZE || buf_add(&self->sizes, data, (size_t)size, &ignored)) buf_cut(&self->sizes, 0);
    for (char *end; self->sizes.size && (end = memchr(self->sizes.data, '\n', self->sizes.size));) {
        size_t used = (size_t)(end - self->sizes.data) + 1;
        *end = 0;
        set_size(self, self->sizes.data);
        memmove(self->sizes.data, self->sizes.data + used, self->sizes.size - used);
        buf_cut(&self->sizes, self->sizes.size - used);
    }
}

/* Bytes read, 0 at the end of the stream, which is where a terminal whose last user is gone says EIO; -1 when there are none for now. */
static ssize_t take(int fd, char *data, size_t size)
{
    ssize_t got = read(fd, data, size);
    return got >= 0 ? got : errno == EINTR || errno == EAGAIN ? -1 : 0;
}

/* False at the end. */
static bool print(const struct relay *self)
{
    char data[4096];
    ssize_t size = take(self->terminal, data, sizeof data);
    return size < 0 || (size > 0 && write_all(STDOUT_FILENO, data, (size_t)size) == 0);
}

/*
 * What a process does not read may be more than the terminal holds. Nobody waits for that: it would not get on while its output is not read. A terminal has no
 * half-closed state: the end of what is typed is told by the character for it.
 */
static void take_typed(struct relay *self)
{
    static const char EOT = 4;
    struct rt_error ignored;
    char data[4096];
    ssize_t size = take(STDIN_FILENO, data, sizeof data);
    if (size > 0) buf_add(&self->typed, data, (size_t)size, &ignored);
    if (size != 0) return;
    self->input_open = false;
    if (!self->raw) buf_add(&self->typed, &EOT, 1, &ignored);
}

static void type(struct relay *self)
{
    ssize_t size = write(self->terminal, self->typed.data, self->typed.size);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    size_t done = size < 0 ? self->typed.size : (size_t)size;
    memmove(self->typed.data, self->typed.data + done, self->typed.size - done);
    buf_cut(&self->typed, self->typed.size - done);
}

static int loop(struct relay *self, struct rt_error *err)
{
    for (;;) {
        struct pollfd waited[] = {
            {.fd = self->options->pidfd, .events = POLLIN},
            {.fd = self->signals, .events = POLLIN},
            {.fd = self->terminal, .events = (short)(POLLIN | (self->typed.size ? POLLOUT : 0))},
            {.fd = self->terminal >= 0 && self->input_open && self->typed.size < TYPED_LIMIT ? STDIN_FILENO : -1, .events = POLLIN},
            {.fd = self->resize, .events = POLLIN},
            {.fd = self->options->notify ? notify_fd(self->options->notify) : -1, .events = POLLIN},
        };
        int ready = poll(waited, ARRAY_LEN(waited), -1);
        if (self->options->cancelled && self->options->cancelled()) return rt_fail(err, "CANCELLED", 0, NULL, "stopped before the end");
        if (ready < 0 && errno != EINTR) return rt_fail(err, "NATIVE_FAILED", errno, "poll", "cannot wait for the container");
        if (ready < 0) continue;
        if (waited[1].revents) take_signals(self);
        if (waited[4].revents) take_sizes(self);
        bool told = waited[5].revents;
        if (told) notify_pass(self->options->notify);
        bool has_output = waited[2].revents & ~POLLOUT, printed = has_output && print(self);
        if (waited[3].revents) take_typed(self);
        if (waited[2].revents & POLLOUT) type(self);
        /* What was printed or told before the end comes out first. */
        if (waited[0].revents && !printed && !told) return 0;
        if (has_output && !printed) self->terminal = -1;
    }
}

static void set_raw(struct relay *self)
{
    if (self->terminal < 0) return;
    copy_size(self->terminal);
    if (tcgetattr(STDIN_FILENO, &self->before)) return;
    struct termios raw = self->before;
    cfmakeraw(&raw);
    self->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

bool foreground_is_terminal(void)
{
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

void foreground_hold(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
}

int foreground_serve(const struct foreground *options, struct rt_error *err)
{
    struct relay self = {.options = options, .terminal = options->terminal, .signals = -1, .resize = options->resize, .input_open = true};
    sigset_t taken, before;
    if (options->pass_signals) sigfillset(&taken);
    else sigemptyset(&taken), sigaddset(&taken, SIGWINCH);
    sigprocmask(SIG_BLOCK, &taken, &before);
    self.signals = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
    if (self.signals < 0) return rt_fail(err, "NATIVE_FAILED", errno, "signalfd", "cannot receive signals");
    set_raw(&self);
    if (self.terminal >= 0) fcntl(self.terminal, F_SETFL, O_RDWR | O_NONBLOCK);
    int result = loop(&self, err);
    if (self.raw) tcsetattr(STDIN_FILENO, TCSANOW, &self.before);
    util_close(&self.signals);
    buf_free(&self.typed);
    buf_free(&self.sizes);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return result;
}
