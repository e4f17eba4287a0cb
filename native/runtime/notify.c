#include "runtime/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/path.h"
#include "base/util.h"

#define DIRECTORY "notify"
#define SOCKET "notify"

struct notify {
    int inside, outside;
    struct sockaddr_un host;
    socklen_t host_size;
};

/* A path, or with "@" an address without one; other kinds (vsock) are for virtual machines. */
static const char *host_socket(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    bool known = path && (path[0] == '/' || path[0] == '@') && path[1] && strlen(path) < sizeof((struct sockaddr_un *)NULL)->sun_path;
    return known ? path : NULL;
}

int notify_prepare(struct spec *spec, const char *state_dir, struct rt_error *err)
{
    const char *host = host_socket();
    if (!host || !spec->process) return 0;
    struct spec_mount mount = {.type = "bind", .bind = true, .flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC};
    auto_free char *clean = path_clean(host[0] == '/' ? host : "/run/notify", err);
    if (!clean || !(mount.source = arena_printf(&spec->arena, err, "%s/" DIRECTORY, state_dir)) || !(mount.destination = arena_printf(&spec->arena, err, "/%s", clean))) return -1;
    /* Its holder is the host's root (or the user): the container's may connect, not replace the socket. */
    if (mkdir(mount.source, 0755) || chmod(mount.source, 0755)) return rt_fail_at(err, mount.source, "NATIVE_FAILED", errno, "mkdir", "cannot make the directory '%s'", mount.source);
    return spec_add_mount(spec, &mount, err) || spec_add_env(spec, err, "NOTIFY_SOCKET=%s/" SOCKET, mount.destination) ? -1 : 0;
}

static int bind_inside(const char *state_dir, struct rt_error *err)
{
    auto_free char *path = rt_printf(err, "%s/" DIRECTORY, state_dir);
    if (!path) return -1;
    auto_close int directory = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0) return -1;
    auto_close int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" SOCKET, directory);
    if (sock < 0 || bind(sock, (struct sockaddr *)&address, sizeof address) || fchmodat(directory, SOCKET, 0777, 0))
        return rt_fail_at(err, path, "NATIVE_FAILED", errno, "bind", "cannot make the container's NOTIFY_SOCKET");
    return take_fd(&sock);
}

int notify_open(const char *state_dir, struct notify **out, struct rt_error *err)
{
    const char *host = host_socket();
    *out = NULL;
    if (!host) return 0;
    err->code[0] = 0;
    auto_close int inside = bind_inside(state_dir, err);
    if (inside < 0) return err->code[0] ? -1 : 0;
    struct notify *notify = calloc(1, sizeof *notify);
    if (!notify) return rt_nomem(err);
    notify->host.sun_family = AF_UNIX;
    strcpy(notify->host.sun_path, host);
    notify->host_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(host) + (host[0] == '/'));
    if (host[0] == '@') notify->host.sun_path[0] = 0;
    notify->outside = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    notify->inside = take_fd(&inside);
    *out = notify;
    return 0;
}

int notify_fd(const struct notify *notify)
{
    return notify->inside;
}

/* A service manager that is gone does not keep a container from working. */
static bool tell(const struct notify *notify, const char *text, int fd)
{
    struct iovec part = {.iov_base = (void *)text, .iov_len = strlen(text)};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {0};
    struct msghdr message = {.msg_name = (void *)&notify->host, .msg_namelen = notify->host_size, .msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    return sendmsg(notify->outside, &message, MSG_NOSIGNAL) >= 0;
}

/* A message is lines; the runtime takes no descriptors from it, recv(2) drops them. */
static bool says_ready(char *text)
{
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (strcmp(line, "READY=1") == 0) return true;
    return false;
}

bool notify_pass(const struct notify *notify)
{
    char text[4096];
    ssize_t size = recv(notify->inside, text, sizeof text - 1, 0);
    if (size <= 0) return false;
    text[size] = 0;
    return says_ready(text) && tell(notify, "READY=1", -1);
}

/*
 * sd_notify_barrier(3): what was sent is looked up by the sender's process, which must be there until then. The service manager closes the descriptor when it has read up to here.
 */
static void wait_until_read(const struct notify *notify)
{
    enum { PATIENCE_MS = 30000 };
    int pair[2];
    if (pipe2(pair, O_CLOEXEC)) return;
    bool sent = tell(notify, "BARRIER=1", pair[1]);
    util_close(&pair[1]);
    if (sent) readable_within(pair[0], PATIENCE_MS);
    util_close(&pair[0]);
}

void notify_wait(const struct notify *notify, int pidfd, pid_t pid)
{
    char text[32];
    for (bool ready = false; !ready;) {
        struct pollfd waited[] = {{.fd = notify->inside, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
        if (poll(waited, ARRAY_LEN(waited), -1) < 0 && errno != EINTR) return;
        /* What it said last is read before its end counts. */
        if (waited[0].revents) ready = notify_pass(notify);
        else if (waited[1].revents) return;
    }
    snprintf(text, sizeof text, "MAINPID=%d", pid);
    if (tell(notify, text, -1)) wait_until_read(notify);
}

void notify_close(struct notify *notify)
{
    if (!notify) return;
    util_close(&notify->inside);
    util_close(&notify->outside);
    free(notify);
}
