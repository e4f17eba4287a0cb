#include "network/shared.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/idmap.h"
#include "base/util.h"
#include "network/shared_wire.h"

/* How often a member looks for a new holder once the old one is gone. */
#define LOOK_MS 500

struct shared_network {
    int directory;
    int member; /* its lock says that we live */
    struct loop *loop;
    struct watch holder; /* -1: it is gone */
    struct timer look;
};

static int open_directory(const char *path, struct rt_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : rt_fail_at(err, path, "NETWORK_FAILED", errno, "open", "cannot open '%s'", path);
}

/* 0, or a positive errno of the holder's, or -1 when it does not answer. */
static int ask(int holder, const struct shared_request *request, const int *given, int fds[SHARED_FDS])
{
    int32_t answer = -1;
    fds[0] = fds[1] = -1;
    if (shared_send(holder, request, sizeof *request, given, given ? SHARED_FDS : 0) < 0 || shared_receive(holder, &answer, sizeof answer, fds) != sizeof answer)
        return -1;
    return answer;
}

/* A holder removes the files of members that are dead: the lock counts for a file that is still there. */
static int become_member(int directory, const char *id, struct rt_error *err)
{
    char path[160];
    struct stat status;
    snprintf(path, sizeof path, "members/%s", id);
    for (;;) {
        auto_close int fd = openat(directory, path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 || flock(fd, LOCK_EX) < 0 || fstat(fd, &status) < 0)
            return rt_fail(err, "NETWORK_FAILED", errno, "flock", "cannot join the user's network");
        if (status.st_nlink > 0)
            return take_fd(&fd);
    }
}

static int enter(int holder, enum shared_op op, struct rt_error *err)
{
    int fds[SHARED_FDS];
    int result = ask(holder, &(struct shared_request){ .op = op }, NULL, fds);
    auto_close int user = fds[0], net = fds[1];
    if (result != 0 || user < 0 || net < 0)
        return rt_fail(err, "NETWORK_FAILED", result > 0 ? result : 0, "", "the holder of the user's network does not answer");
    if (idmap_join(user, err) < 0)
        return -1;
    return setns(net, CLONE_NEWNET) == 0 ? 0 : rt_fail(err, "NETWORK_FAILED", errno, "setns", "cannot enter the user's network");
}

static void holder_ready(struct watch *watch, uint32_t events);

static int rejoin(struct shared_network *network)
{
    int fds[SHARED_FDS];
    auto_close int user = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
    auto_close int net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    auto_close int holder = shared_connect(network->directory);
    struct rt_error ignored;
    const int given[SHARED_FDS] = { user, net };
    if (user < 0 || net < 0 || holder < 0 || ask(holder, &(struct shared_request){ .op = SHARED_REJOIN }, given, fds) != 0)
        return -1;
    network->holder = (struct watch){ .fd = take_fd(&holder), .ready = holder_ready };
    return loop_watch(network->loop, &network->holder, EPOLLIN, &ignored);
}

static void look(struct timer *timer)
{
    struct shared_network *network = container_of(timer, struct shared_network, look);
    if (network->holder.fd < 0 && rejoin(network) < 0)
        loop_timer(network->loop, timer, LOOK_MS);
}

static void lose_holder(struct shared_network *network)
{
    loop_unwatch(network->loop, &network->holder);
    util_close(&network->holder.fd);
    loop_timer(network->loop, &network->look, LOOK_MS);
}

/* It says nothing that was not asked for: this is its end. */
static void holder_ready(struct watch *watch, uint32_t events)
{
    (void)events;
    lose_holder(container_of(watch, struct shared_network, holder));
}

int shared_join(const char *path, const char *id, struct loop *loop, struct shared_network **out, struct rt_error *err)
{
    struct shared_network *network = calloc(1, sizeof *network);
    if (!network)
        return rt_nomem(err);
    *network = (struct shared_network){ .directory = -1, .member = -1, .loop = loop, .holder = { .fd = -1, .ready = holder_ready }, .look = { .fire = look } };
    if ((network->directory = open_directory(path, err)) >= 0 && (network->member = become_member(network->directory, id, err)) >= 0) {
        network->holder.fd = shared_connect(network->directory);
        if (network->holder.fd < 0)
            rt_fail(err, "NETWORK_FAILED", errno, "connect", "nobody holds the user's network");
        else if (enter(network->holder.fd, SHARED_JOIN, err) == 0 && loop_watch(loop, &network->holder, EPOLLIN, err) == 0) {
            *out = network;
            return 0;
        }
    }
    shared_leave(&network);
    return -1;
}

void shared_leave(struct shared_network **network)
{
    struct shared_network *n = *network;
    if (!n)
        return;
    loop_cancel(n->loop, &n->look);
    loop_unwatch(n->loop, &n->holder);
    util_close(&n->member); /* first: the holder counts the members when a connection ends */
    util_close(&n->holder.fd);
    util_close(&n->directory);
    free(n);
    *network = NULL;
}

int shared_visit(const char *path, struct rt_error *err)
{
    auto_close int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_close int holder = directory < 0 ? -1 : shared_connect(directory);
    if (holder < 0)
        return 0;
    return enter(holder, SHARED_VISIT, err) < 0 ? -1 : 1;
}

int shared_socket(struct shared_network *network, int domain, int type, int protocol)
{
    if (!network)
        return socket(domain, type, protocol);
    const struct shared_request request = { .op = SHARED_SOCKET, .domain = domain, .type = type & ~SOCK_CLOEXEC, .protocol = protocol };
    int fds[SHARED_FDS];
    if (network->holder.fd < 0 && rejoin(network) < 0) {
        errno = ENETDOWN;
        return -1;
    }
    int result = ask(network->holder.fd, &request, NULL, fds);
    if (result < 0)
        lose_holder(network);
    if (result == 0)
        return fds[0];
    errno = result < 0 ? ENETDOWN : result;
    return -1;
}

pid_t shared_witness(const struct shared_network *network)
{
    struct ucred peer = { 0 };
    socklen_t size = sizeof peer;
    if (!network || network->holder.fd < 0 || getsockopt(network->holder.fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return 0;
    return peer.pid;
}
