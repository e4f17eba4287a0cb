#include "runtime/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "base/path.h"
#include "base/util.h"
#include "runtime/mount.h"
#include "runtime/mount_point.h"
#include "runtime/send_fd.h"

static int fail(struct rt_error *err, const char *syscall, const char *what)
{
    return rt_fail(err, "NATIVE_FAILED", errno, syscall, "cannot make the terminal: %s", what);
}

static bool is_multiplexer(int fd)
{
    struct stat st;
    struct statfs fs;
    return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(5, 2) && fstatfs(fd, &fs) == 0 && fs.f_type == DEVPTS_SUPER_MAGIC;
}

/* Looked at before it is opened: to open another device may do something already. */
static int open_master(int rootfd, struct rt_error *err)
{
    static const char PATH[] = "dev/pts/ptmx";
    auto_close int found = open_in_root(rootfd, PATH, O_PATH | O_NOFOLLOW, 0, err);
    if (found < 0) return rt_wrap(err, "cannot make the terminal");
    auto_close int fd = is_multiplexer(found) ? open_in_root(rootfd, PATH, O_RDWR | O_NOCTTY | O_NOFOLLOW, 0, err) : -1;
    if (!is_multiplexer(found) || (fd >= 0 && !is_multiplexer(fd))) return errno = ENODEV, fail(err, "fstat", "/dev/pts/ptmx is not of a devpts");
    return fd < 0 ? rt_wrap(err, "cannot make the terminal") : take_fd(&fd);
}

static int end_lines_plainly(int slave, struct rt_error *err)
{
    struct termios modes;
    if (tcgetattr(slave, &modes)) return fail(err, "tcgetattr", "modes");
    modes.c_oflag &= ~(tcflag_t)ONLCR;
    return tcsetattr(slave, TCSANOW, &modes) ? fail(err, "tcsetattr", "modes") : 0;
}

int terminal_open(int rootfd, const struct spec_process *process, bool plain_newlines, struct terminal *out, struct rt_error *err)
{
    int unlock = 0;
    struct winsize size = {.ws_row = process->rows, .ws_col = process->columns};
    auto_close int master = open_master(rootfd, err);
    if (master < 0) return -1;
    if (ioctl(master, TIOCSPTLCK, &unlock)) return fail(err, "ioctl", "unlock");
    auto_close int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0) return fail(err, "ioctl", "open the slave");
    if (fchown(slave, process->user.uid, (gid_t)-1) && errno != EINVAL && errno != EPERM && errno != EROFS) return fail(err, "fchown", "owner");
    if ((size.ws_row || size.ws_col) && ioctl(slave, TIOCSWINSZ, &size)) return fail(err, "ioctl", "window size");
    if (plain_newlines && end_lines_plainly(slave, err)) return -1;
    *out = (struct terminal){.master = take_fd(&master), .slave = take_fd(&slave)};
    return 0;
}

/* Behind a link in its place the console could be laid over a file of procfs, and hide there what is to be masked (CVE-2025-52565). */
static int check_console(int rootfd, int target, struct rt_error *err)
{
    struct statfs fs;
    struct stat st, found;
    auto_close int plain = open_in_root(rootfd, "/dev/console", O_PATH | O_NOFOLLOW, 0, err);
    if (plain < 0 || fstat(plain, &st) || fstat(target, &found) || fstatfs(target, &fs)) return fail(err, "fstat", "/dev/console");
    if (S_ISLNK(st.st_mode) || st.st_ino != found.st_ino || fs.f_type == PROC_SUPER_MAGIC) return rt_fail_at(err, "/dev/console", "MOUNT_FAILED", 0, NULL, "cannot mount on '/dev/console': it is a link");
    return 0;
}

int terminal_bind_console(int rootfd, const struct terminal *terminal, struct rt_error *err)
{
    auto_close int target = mount_point_open(rootfd, "/dev/console", false, NULL, NULL, err);
    if (target < 0 || check_console(rootfd, target, err)) return -1;
    auto_close int tree = mount_clone(terminal->slave, "", AT_EMPTY_PATH, false, err);
    return tree < 0 ? -1 : mount_attach(tree, target, rootfd, "/dev/console", err);
}

int terminal_take(struct terminal *terminal, struct rt_error *err)
{
    if (ioctl(terminal->slave, TIOCSCTTY, 0)) return fail(err, "ioctl", "controlling terminal");
    for (int fd = 0; fd < 3; fd++)
        if (dup2(terminal->slave, fd) < 0) return fail(err, "dup2", "standard streams");
    util_close(&terminal->slave);
    util_close(&terminal->master);
    terminal->slave = terminal->master = -1;
    return 0;
}

int terminal_send(const char *path, int master, struct rt_error *err)
{
    static const char NAME[] = "/dev/ptmx";
    return send_fd(path, master, NAME, sizeof NAME - 1, "console socket", err);
}
