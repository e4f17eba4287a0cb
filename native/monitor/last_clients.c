#include <poll.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"
#include "monitor/monitor.h"

/*
 * The end of the connections. A client may read slowly what the container wrote last, and may write what nobody takes any more; a connection that closed on it would take away
 * what it has not read. So only our side ends, and a process of its own waits for the client's: for everybody else the container is over.
 */

/* For a process that cannot be made. */
#define PATIENCE_MS 2000

static bool all_sent(const struct client *c)
{
    return c->sent == c->out.size;
}

/* Sends what can be sent. True: the client has no more to expect of us. */
static bool is_served(struct client *c)
{
    if (c->ended || c->left || !client_flush(c)) return true;
    if (!all_sent(c)) return false;
    return !c->was_attached || shutdown(c->watch.fd, SHUT_WR);
}

/* True while some are left. */
static bool close_those_served(struct monitor *m)
{
    for (struct client *c = m->clients, *next; c; c = next) {
        next = c->next;
        if (is_served(c)) client_close(c);
    }
    return m->clients;
}

/* What it sends is for nobody. */
static void swallow(struct client *c)
{
    char data[32768];
    ssize_t n = recv(c->watch.fd, data, sizeof data, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) c->ended = true;
}

/* One round. False: the time is over, or there is no memory. */
static bool serve(struct monitor *m, int milliseconds)
{
    size_t count = 0;
    for (struct client *c = m->clients; c; c = c->next) count++;
    auto_free struct pollfd *ready = calloc(count, sizeof *ready);
    if (!ready) return false;
    size_t i = 0;
    for (struct client *c = m->clients; c; c = c->next) ready[i++] = (struct pollfd){.fd = c->watch.fd, .events = (short)(POLLIN | (all_sent(c) ? 0 : POLLOUT))};
    int n = poll(ready, count, milliseconds);
    if (n <= 0) return n < 0 && errno == EINTR;
    i = 0;
    for (struct client *c = m->clients; c; c = c->next)
        if (ready[i++].revents & (POLLIN | POLLHUP | POLLERR)) swallow(c);
    return true;
}

/* The lowest descriptor of a client from `from` on, -1 when there is none. */
static int next_connection(const struct monitor *m, int from)
{
    int lowest = -1;
    for (const struct client *c = m->clients; c; c = c->next)
        if (c->watch.fd >= from && (lowest < 0 || c->watch.fd < lowest)) lowest = c->watch.fd;
    return lowest;
}

/* Of all that the monitor had, the connections stay. False: not even that can be. */
static bool keep_only_connections(struct monitor *m)
{
    int from = 3, next;
    for (; (next = next_connection(m, from)) >= 0; from = next + 1)
        if (next > from && close_descriptors((unsigned)from, (unsigned)next - 1, 0)) return false;
    m->loop.fd = -1;
    return close_descriptors((unsigned)from, ~0u, 0) == 0 && chdir("/") == 0;
}

void clients_finish(struct monitor *m)
{
    loop_unwatch(&m->loop, &m->listener);
    while (m->log.files.readers) log_reader_remove(m->log.files.readers); /* no file goes any more */
    if (!close_those_served(m)) return;
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_NAME, "tsbuild-output");
        if (keep_only_connections(m))
            while (close_those_served(m) && serve(m, -1)) continue;
        _exit(0);
    }
    while (pid < 0 && close_those_served(m) && serve(m, PATIENCE_MS)) continue;
    while (m->clients) client_close(m->clients);
}
