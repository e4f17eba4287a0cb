#include "network/pasta.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "network/relay.h"

/*
 * Descriptors of the child: where it writes its pid once it serves, and the namespace that it serves. It gives up most capabilities at once, and could then not look into the
 * container's first process for it.
 */
#define READY_FD 3
#define NETNS_FD 4

struct pasta {
    int process; /* pidfd: the pid may be somebody else's once others reap */
    int errors;  /* kept open and unread, so that a complaint neither blocks nor kills it */
};

/* "10.0.0.1/8080:80,…" or "none". */
static char *port_list(const struct network *network, int protocol, struct rt_error *err)
{
    auto_buf struct buf list = { 0 };
    char text[INET6_ADDRSTRLEN];
    for (size_t i = 0; i < network->port_count; i++) {
        const struct port *port = &network->ports[i];
        if (port->protocol != protocol)
            continue;
        if (buf_printf(&list, err, "%s%s/%u:%u", list.size ? "," : "", address_text(&port->host_address, text), port->host_port, port->port) < 0)
            return NULL;
    }
    return rt_strdup(list.size ? list.data : "none", err);
}

static bool give(int fd, int number)
{
    return dup2(fd, number) == number;
}

static void run(char *const *argv, int ready, int netns, int errors)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL); /* it takes one that is ignored already for a failure */
    /* Out of the way of the numbers that they get. */
    int moved[] = { fcntl(ready, F_DUPFD_CLOEXEC, NETNS_FD + 1), fcntl(netns, F_DUPFD_CLOEXEC, NETNS_FD + 1), fcntl(errors, F_DUPFD_CLOEXEC, NETNS_FD + 1) };
    if (null < 0 || moved[0] < 0 || moved[1] < 0 || moved[2] < 0 || !give(null, 0) || !give(null, 1) || !give(moved[2], 2) || !give(moved[0], READY_FD) ||
        !give(moved[1], NETNS_FD))
        _exit(126);
    execvp(argv[0], argv);
    _exit(errno == ENOENT ? 127 : 126);
}

/* The last line that the program wrote. */
static void last_words(int fd, char *out, size_t size)
{
    char text[4096];
    ssize_t n = read_all(fd, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    for (size_t end = strlen(text); end > 0 && text[end - 1] == '\n'; end--)
        text[end - 1] = '\0';
    const char *line = strrchr(text, '\n');
    snprintf(out, size, "%s", line ? line + 1 : text);
}

static int explain(const struct network *network, const char *program, int exit_code, int errors, struct rt_error *err)
{
    char words[512];
    if (exit_code == 127)
        return rt_fail(err, "FEATURE_MISSING", 0, "", "cannot find the program '%s', which gives containers a network without privileges", program);
    for (size_t i = 0; i < network->port_count; i++) {
        int fd = relay_bind(&network->ports[i], err);
        if (fd < 0)
            return -1;
        util_close(&fd);
    }
    last_words(errors, words, sizeof words);
    return rt_fail(err, "NETWORK_FAILED", 0, "", "'%s' cannot set up the container's network%s%s", program, words[0] ? ": " : "", words);
}

int pasta_open(const struct network *network, int netns, struct pasta **out, struct rt_error *err)
{
    const char *program = network->pasta ? network->pasta : "pasta";
    auto_free char *tcp = port_list(network, IPPROTO_TCP, err), *udp = tcp ? port_list(network, IPPROTO_UDP, err) : NULL;
    if (!udp)
        return -1;
    /* The user namespace is ours already. Without --runas the root of the host becomes nobody, who may not enter the namespace. */
    char *argv[] = { (char *)(uintptr_t)program, "--foreground", "--quiet", "--config-net", "--no-map-gw", "--ns-ifname", "eth0", "--runas", "0:0", "--pid", "/proc/self/fd/3",
                     "--tcp-ports", tcp, "--udp-ports", udp, "--tcp-ns", "none", "--udp-ns", "none", "--netns", "/proc/self/fd/4", NULL };
    int ready[2], errors[2];
    if (pipe2(ready, O_CLOEXEC) < 0)
        return rt_fail(err, "NATIVE_FAILED", errno, "pipe2", "cannot start '%s'", program);
    auto_close int ready_in = ready[0], ready_out = ready[1];
    if (pipe2(errors, O_CLOEXEC | O_NONBLOCK) < 0)
        return rt_fail(err, "NATIVE_FAILED", errno, "pipe2", "cannot start '%s'", program);
    auto_close int errors_in = errors[0], errors_out = errors[1];
    struct pasta *pasta = calloc(1, sizeof *pasta);
    if (!pasta)
        return rt_nomem(err);
    *pasta = (struct pasta){ .process = -1, .errors = -1 };
    pid_t child = fork();
    if (child == 0)
        run(argv, ready_out, netns, errors_out);
    pasta->process = child < 0 ? -1 : (int)syscall(SYS_pidfd_open, child, 0);
    if (pasta->process < 0) {
        rt_fail(err, "NATIVE_FAILED", errno, child < 0 ? "fork" : "pidfd_open", "cannot start '%s'", program);
        if (child > 0)
            kill(child, SIGKILL);
        free(pasta);
        return -1;
    }
    util_close(&ready_out);
    util_close(&errors_out);
    char answer;
    pasta->errors = take_fd(&errors_in);
    if (read_all(ready_in, &answer, 1) == 1) {
        *out = pasta;
        return 0;
    }
    siginfo_t end = { 0 };
    while (waitid(P_PIDFD, (id_t)pasta->process, &end, WEXITED) < 0 && errno == EINTR) {
    }
    explain(network, program, end.si_code == CLD_EXITED ? end.si_status : -1, pasta->errors, err);
    pasta_close(&pasta);
    return -1;
}

void pasta_close(struct pasta **pasta)
{
    struct pasta *p = *pasta;
    if (!p)
        return;
    syscall(SYS_pidfd_send_signal, p->process, SIGKILL, NULL, 0);
    while (waitid(P_PIDFD, (id_t)p->process, NULL, WEXITED) < 0 && errno == EINTR) {
    }
    util_close(&p->process);
    util_close(&p->errors);
    free(p);
    *pasta = NULL;
}
