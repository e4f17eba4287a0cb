#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/accept.h"
#include "base/idmap.h"
#include "base/loop.h"
#include "base/util.h"
#include "network/network.h"
#include "network/shared_holder.h"
#include "network/shared_wire.h"
#include "network/types.h"
#include "network/user_network.h"

/* Who asked for the network and never joined is given up. */
#define CLAIM_MS 30000
/* Members that a killed holder had look for the next one twice a second. */
#define ADOPT_MS 10000
/* The lock of a member that was killed may go a moment after its connection. */
#define COUNT_MS 500
#define OUTSIDE_MS 2000

struct holder {
    int directory, user, net;
    struct network outside_plan;
    struct loop loop;
    struct watch listener;
    struct user_network *outside;
    struct watch outside_end;
    struct timer claim, count, outside_again;
    struct peer *peers;
    bool over;
};

struct peer {
    struct holder *holder;
    struct peer *next, **self;
    struct watch watch;
};

/* Files of the dead are removed. */
static size_t living_members(int directory)
{
    int fd = openat(directory, "members", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    size_t count = 0;
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        auto_close int member = openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (member >= 0 && flock(member, LOCK_SH | LOCK_NB) < 0)
            count++;
        else if (member >= 0)
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
    return count;
}

static void consider_end(struct holder *holder)
{
    if (holder->claim.armed)
        return;
    if (living_members(holder->directory) == 0)
        holder->over = true;
    else if (!holder->peers)
        loop_timer(&holder->loop, &holder->count, COUNT_MS);
}

static void count_again(struct timer *timer)
{
    consider_end(container_of(timer, struct holder, count));
}

static void claim_over(struct timer *timer)
{
    consider_end(container_of(timer, struct holder, claim));
}

static void drop_peer(struct peer *peer)
{
    loop_unwatch(&peer->holder->loop, &peer->watch);
    util_close(&peer->watch.fd);
    *peer->self = peer->next;
    if (peer->next)
        peer->next->self = peer->self;
    free(peer);
}

static int answer(int fd, int32_t result, const int *fds, size_t count)
{
    return shared_send(fd, &result, sizeof result, fds, count);
}

static int open_for(int peer, const struct shared_request *request)
{
    bool known = request->domain == AF_INET || request->domain == AF_INET6;
    auto_close int fd = known ? socket(request->domain, request->type | SOCK_CLOEXEC, request->protocol) : -1;
    return fd < 0 ? answer(peer, known ? errno : EAFNOSUPPORT, NULL, 0) : answer(peer, 0, &fd, 1);
}

static int serve(struct holder *holder, int peer, const struct shared_request *request)
{
    const int namespaces[SHARED_FDS] = { holder->user, holder->net };
    switch ((enum shared_op)request->op) {
    case SHARED_CLAIM:
        loop_timer(&holder->loop, &holder->claim, CLAIM_MS);
        return answer(peer, 0, NULL, 0);
    case SHARED_JOIN:
        loop_cancel(&holder->loop, &holder->claim);
        return answer(peer, 0, namespaces, SHARED_FDS);
    case SHARED_VISIT:
        return answer(peer, 0, namespaces, SHARED_FDS);
    case SHARED_REJOIN:
        return answer(peer, 0, NULL, 0);
    case SHARED_SOCKET:
        return open_for(peer, request);
    }
    return -1;
}

static void peer_ready(struct watch *watch, uint32_t events)
{
    struct peer *peer = container_of(watch, struct peer, watch);
    struct holder *holder = peer->holder;
    struct shared_request request;
    int fds[SHARED_FDS];
    (void)events;
    long n = shared_receive(watch->fd, &request, sizeof request, fds);
    for (size_t i = 0; i < SHARED_FDS; i++)
        util_close(&fds[i]);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n == sizeof request && serve(holder, watch->fd, &request) == 0)
        return;
    drop_peer(peer);
    consider_end(holder);
}

static int add_peer(struct holder *holder, int fd, struct rt_error *err)
{
    struct peer *peer = calloc(1, sizeof *peer);
    if (!peer) {
        close(fd);
        return rt_nomem(err);
    }
    *peer = (struct peer){ .holder = holder, .next = holder->peers, .self = &holder->peers, .watch = { .fd = fd, .ready = peer_ready } };
    if (holder->peers)
        holder->peers->self = &peer->next;
    holder->peers = peer;
    return loop_watch(&holder->loop, &peer->watch, EPOLLIN, err);
}

static void listener_ready(struct watch *watch, uint32_t events)
{
    struct rt_error ignored; /* out of memory: it is refused, and comes again */
    (void)events;
    int fd = accept_or_refuse(watch->fd);
    if (fd >= 0)
        add_peer(container_of(watch, struct holder, listener), fd, &ignored);
}

static void outside_ended(struct watch *watch, uint32_t events);

static int open_outside(struct holder *holder, struct rt_error *err)
{
    if (user_network_open(&holder->outside_plan, holder->net, NULL, &holder->outside, err) < 0)
        return -1;
    holder->outside_end = (struct watch){ .fd = user_network_fd(holder->outside), .ready = outside_ended };
    return loop_watch(&holder->loop, &holder->outside_end, EPOLLIN, err);
}

static void outside_again(struct timer *timer)
{
    struct holder *holder = container_of(timer, struct holder, outside_again);
    struct rt_error ignored;
    if (open_outside(holder, &ignored) < 0)
        loop_timer(&holder->loop, timer, OUTSIDE_MS);
}

/* Somebody killed the program: the containers get another. */
static void outside_ended(struct watch *watch, uint32_t events)
{
    struct holder *holder = container_of(watch, struct holder, outside_end);
    (void)events;
    loop_unwatch(&holder->loop, watch);
    user_network_close(&holder->outside);
    outside_again(&holder->outside_again);
}

/* The namespaces of a holder that was killed, from a member that finds us. Others are to come again. */
static int adopt(struct holder *holder, struct rt_error *err)
{
    for (int64_t end = loop_now() + ADOPT_MS * INT64_C(1000000); loop_now() < end;) {
        struct pollfd ready = { .fd = holder->listener.fd, .events = POLLIN };
        if (living_members(holder->directory) == 0)
            return 0;
        if (poll(&ready, 1, 100) <= 0)
            continue;
        auto_close int peer = accept4(holder->listener.fd, NULL, NULL, SOCK_CLOEXEC);
        struct timeval limit = { .tv_sec = 1 };
        struct shared_request request;
        int fds[SHARED_FDS];
        if (peer < 0 || setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0 || shared_receive(peer, &request, sizeof request, fds) != sizeof request)
            continue;
        auto_close int user = fds[0], net = fds[1];
        if (request.op != SHARED_REJOIN || user < 0 || net < 0)
            continue;
        if (idmap_join(user, err) < 0)
            return -1;
        holder->user = take_fd(&user);
        holder->net = take_fd(&net);
        answer(peer, 0, NULL, 0);
        fcntl(peer, F_SETFL, O_NONBLOCK);
        return add_peer(holder, take_fd(&peer), err) < 0 ? -1 : 1;
    }
    return rt_fail(err, "NETWORK_FAILED", 0, "", "the containers on the user's networks do not answer");
}

/* Its descriptor comes from a child, because there is no way back into the host's. */
static int make_netns(struct rt_error *err)
{
    int ends[2], fds[SHARED_FDS];
    char byte = 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return rt_fail(err, "NATIVE_FAILED", errno, "socketpair", "cannot make a network namespace");
    auto_close int ours = ends[0], theirs = ends[1];
    pid_t child = fork();
    if (child == 0) {
        struct rt_error ignored;
        int net = unshare(CLONE_NEWNET) == 0 && network_loopback_up(&ignored) == 0 ? open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC) : -1;
        _exit(net >= 0 && shared_send(theirs, &byte, 1, &net, 1) == 0 ? 0 : 1);
    }
    util_close(&theirs);
    long n = child < 0 ? -1 : shared_receive(ours, &byte, 1, fds);
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
    return n == 1 ? fds[0] : rt_fail(err, "FEATURE_MISSING", 0, "unshare", "cannot make a network namespace");
}

static int make_namespaces(struct holder *holder, const struct plan *plan, struct rt_error *err)
{
    int adopted = adopt(holder, err);
    if (adopted != 0)
        return adopted < 0 ? -1 : 0;
    if (idmap_enter_plan(plan->json, err) < 0)
        return -1;
    if ((holder->user = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC)) < 0)
        return rt_fail(err, "NATIVE_FAILED", errno, "open", "cannot open the user namespace");
    return (holder->net = make_netns(err)) < 0 ? -1 : 0;
}

static int begin(struct holder *holder, const struct plan *plan, struct rt_error *err)
{
    if (loop_open(&holder->loop, err) < 0)
        return -1;
    accept_reserve();
    holder->listener = (struct watch){ .fd = shared_listen(holder->directory), .ready = listener_ready };
    if (holder->listener.fd < 0)
        return rt_fail(err, "NETWORK_FAILED", errno, "bind", "cannot open the socket of the user's network");
    if (make_namespaces(holder, plan, err) < 0 || open_outside(holder, err) < 0)
        return -1;
    prctl(PR_SET_PDEATHSIG, 0);
    loop_timer(&holder->loop, &holder->claim, CLAIM_MS);
    return loop_watch(&holder->loop, &holder->listener, EPOLLIN, err);
}

void shared_holder_run(const struct plan *plan, int directory, const char *program, int maker)
{
    struct rt_error err = { 0 };
    struct holder holder = { .directory = directory, .user = -1, .net = -1, .loop = { .fd = -1, .clock = -1 }, .listener.fd = -1, .outside_end.fd = -1,
                             .outside_plan = { .references = 1, .mode = NETWORK_USER, .program = (char *)(uintptr_t)program },
                             .claim.fire = claim_over, .count.fire = count_again, .outside_again.fire = outside_again };
    if (begin(&holder, plan, &err) < 0) {
        rt_error_send(maker, &err);
        holder.over = true;
    }
    close(maker);
    while (!holder.over && loop_step(&holder.loop, -1, &err) == 0) continue;
    unlinkat(directory, SHARED_SOCKET_NAME, 0);
    user_network_close(&holder.outside);
    _exit(0);
}
