#include "runtime/foreground.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "base/util.h"

struct foreground {
    int pidfd, terminal, signals;
    bool raw, input_open;
    struct termios before;
};

static void copy_size(int terminal)
{
    struct winsize size;
    if (terminal >= 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) ioctl(terminal, TIOCSWINSZ, &size);
}

static void pass_signals(const struct foreground *self)
{
    struct signalfd_siginfo info;
    while (read(self->signals, &info, sizeof info) == sizeof info) {
        int signo = (int)info.ssi_signo;
        if (signo == SIGWINCH) copy_size(self->terminal);
        else if (signo != SIGCHLD && signo != SIGPIPE && signo != SIGURG) syscall(SYS_pidfd_send_signal, self->pidfd, signo, NULL, 0);
    }
}

/* False at the end of the stream. A terminal whose last user is gone gives EIO. */
static bool copy(int from, int to)
{
    char data[4096];
    ssize_t size;
    do size = read(from, data, sizeof data);
    while (size < 0 && errno == EINTR);
    if (size < 0 && errno == EAGAIN) return true;
    return size > 0 && write_all(to, data, (size_t)size) == 0;
}

static int loop(struct foreground *self, struct rt_error *err)
{
    for (;;) {
        struct pollfd waited[] = {
            {.fd = self->pidfd, .events = POLLIN},
            {.fd = self->signals, .events = POLLIN},
            {.fd = self->terminal, .events = POLLIN},
            {.fd = self->terminal >= 0 && self->input_open ? STDIN_FILENO : -1, .events = POLLIN},
        };
        if (poll(waited, ARRAY_LEN(waited), -1) < 0) {
            if (errno == EINTR) continue;
            return rt_fail(err, "NATIVE_FAILED", errno, "poll", "cannot wait for the container");
        }
        if (waited[1].revents) pass_signals(self);
        bool printed = waited[2].revents && copy(self->terminal, STDOUT_FILENO);
        if (waited[3].revents) self->input_open = copy(STDIN_FILENO, self->terminal);
        /* What was printed before the end comes out first. */
        if (waited[0].revents && !printed) return 0;
        if (waited[2].revents && !printed) self->terminal = -1;
    }
}

int foreground_serve(int pidfd, int terminal, struct rt_error *err)
{
    struct foreground self = {.pidfd = pidfd, .terminal = terminal, .signals = -1, .input_open = true};
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    self.signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    if (self.signals < 0) return rt_fail(err, "NATIVE_FAILED", errno, "signalfd", "cannot receive signals");
    if (terminal >= 0) {
        fcntl(terminal, F_SETFL, O_NONBLOCK);
        copy_size(terminal);
        if (tcgetattr(STDIN_FILENO, &self.before) == 0) {
            struct termios raw = self.before;
            cfmakeraw(&raw);
            self.raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
        }
    }
    int result = loop(&self, err);
    if (self.raw) tcsetattr(STDIN_FILENO, TCSANOW, &self.before);
    util_close(&self.signals);
    return result;
}
