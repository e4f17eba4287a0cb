#include "network/user_network.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "network/relay.h"
#include "network/user_program.h"

#define TUN "/dev/net/tun"

struct user_network {
    int process; /* pidfd: the pid may be somebody else's once others reap */
    int errors;  /* kept open and unread, so that a complaint neither blocks nor kills it */
};

int arguments_add(struct arguments *arguments, struct rt_error *err, const char *text)
{
    char **items = reallocarray(arguments->items, arguments->count + 2, sizeof *items);
    if (!items)
        return rt_nomem(err);
    arguments->items = items;
    items[arguments->count] = rt_strdup(text, err);
    items[arguments->count + 1] = NULL;
    return items[arguments->count++] ? 0 : -1;
}

static void arguments_free(struct arguments *arguments)
{
    for (size_t i = 0; i < arguments->count; i++)
        free(arguments->items[i]);
    free(arguments->items);
}

static bool give(int fd, int number)
{
    return dup2(fd, number) == number;
}

/*
 * Gives the namespace a path that needs no right but to read it: current releases of pasta give up what would open a descriptor's path, the first ones what would open
 * that of a process. The mount is seen by the program alone.
 */
static bool name_namespace(int netns)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", netns);
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mount(path, USER_NETNS_PATH, NULL, MS_BIND, NULL) == 0;
}

static void run(char *const *argv, int ready, int netns, int directory, int errors)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL); /* pasta takes one that is ignored already for a failure */
    /* Out of the way of the numbers that they get. */
    const int first = USER_DIRECTORY_FD + 1;
    int moved[] = { fcntl(ready, F_DUPFD_CLOEXEC, first), fcntl(netns, F_DUPFD_CLOEXEC, first), fcntl(errors, F_DUPFD_CLOEXEC, first) };
    int folder = directory < 0 ? -1 : fcntl(directory, F_DUPFD_CLOEXEC, first);
    if (null < 0 || moved[0] < 0 || moved[1] < 0 || moved[2] < 0 || (directory >= 0 && folder < 0) || !give(null, 0) || !give(moved[2], 2) ||
        !give(moved[0], USER_READY_FD) || !name_namespace(moved[1]) || (folder >= 0 && !give(folder, USER_DIRECTORY_FD)))
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

/* A port that somebody has is what the user should hear of, whatever the program says. */
static int check_ports(const struct network *network, struct rt_error *err)
{
    for (size_t i = 0; i < network->port_count; i++) {
        int fd = relay_bind(&network->ports[i], NULL, err);
        if (fd == -1)
            return -1;
        if (fd >= 0)
            util_close(&fd);
    }
    return 0;
}

static int check_tun(const char *program, struct rt_error *err)
{
    auto_close int fd = open(TUN, O_RDWR | O_CLOEXEC);
    return fd >= 0 ? 0 : rt_fail_at(err, TUN, "FEATURE_MISSING", errno, "open", "cannot open '%s', by which '%s' gives containers a network without privileges", TUN, program);
}

static int explain(const struct network *network, const char *program, int exit_code, int errors, struct rt_error *err)
{
    char words[512];
    if (exit_code == 127)
        return rt_fail(err, "FEATURE_MISSING", ENOENT, "execve", "cannot find the program '%s', which gives containers a network without privileges", program);
    if (check_tun(program, err) < 0 || check_ports(network, err) < 0)
        return -1;
    last_words(errors, words, sizeof words);
    return rt_fail(err, "NETWORK_FAILED", 0, "", "'%s' cannot set up the container's network%s%s", program, words[0] ? ": " : "", words);
}

static int start(char *const *argv, int ready, int netns, int directory, int errors, struct rt_error *err)
{
    pid_t child = fork();
    if (child == 0)
        run(argv, ready, netns, directory, errors);
    int process = child < 0 ? -1 : (int)syscall(SYS_pidfd_open, child, 0);
    if (process < 0) {
        rt_fail(err, "NATIVE_FAILED", errno, child < 0 ? "fork" : "pidfd_open", "cannot start '%s'", argv[0]);
        if (child > 0)
            kill(child, SIGKILL);
    }
    return process;
}

static void end_process(int process)
{
    syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
    while (waitid(P_PIDFD, (id_t)process, NULL, WEXITED) < 0 && errno == EINTR) continue;
}

/* Waits until the program serves, and publishes what it was not told of at its start. */
static int settle(const struct network *network, const struct user_program *program, const struct user_network *child, int ready, int directory, const char *name, struct rt_error *err)
{
    char answer;
    siginfo_t end = { 0 };
    if (read_all(ready, &answer, 1) == 1) {
        if (!program->publish || network->port_count == 0 || program->publish(network, directory, err) == 0)
            return 0;
        struct rt_error words = *err;
        end_process(child->process); /* its own sockets are not in the way of the question who has the port */
        if (check_ports(network, err) == 0)
            *err = words;
        return -1;
    }
    while (waitid(P_PIDFD, (id_t)child->process, &end, WEXITED) < 0 && errno == EINTR) continue;
    return explain(network, name, end.si_code == CLD_EXITED ? end.si_status : -1, child->errors, err);
}

static int open_with(const struct user_program *program, const char *path, const struct network *network, int netns, int directory, struct user_network **out, struct rt_error *err)
{
    struct arguments argv __attribute__((cleanup(arguments_free))) = { 0 };
    int ready[2], errors[2];
    if (arguments_add(&argv, err, path) < 0 || program->arguments(network, &argv, err) < 0)
        return -1;
    if (pipe2(ready, O_CLOEXEC) < 0)
        return rt_fail(err, "NATIVE_FAILED", errno, "pipe2", "cannot start '%s'", path);
    auto_close int ready_in = ready[0], ready_out = ready[1];
    if (pipe2(errors, O_CLOEXEC | O_NONBLOCK) < 0)
        return rt_fail(err, "NATIVE_FAILED", errno, "pipe2", "cannot start '%s'", path);
    auto_close int errors_in = errors[0], errors_out = errors[1];
    struct user_network *child = calloc(1, sizeof *child);
    if (!child)
        return rt_nomem(err);
    *child = (struct user_network){ .process = start(argv.items, ready_out, netns, directory, errors_out, err), .errors = take_fd(&errors_in) };
    util_close(&ready_out);
    util_close(&errors_out);
    if (child->process >= 0 && settle(network, program, child, ready_in, directory, path, err) == 0) {
        *out = child;
        return 0;
    }
    user_network_close(&child);
    return -1;
}

static bool is_absent(const struct rt_error *err)
{
    return strcmp(err->code, "FEATURE_MISSING") == 0 && strcmp(err->syscall, "execve") == 0;
}

static bool is_named(const char *path, const struct user_program *program)
{
    const char *slash = strrchr(path, '/');
    return strcmp(slash ? slash + 1 : path, program->name) == 0;
}

int user_network_open(const struct network *network, int netns, const char *run_dir, struct user_network **out, struct rt_error *err)
{
    for (size_t i = 0; i < network->port_count; i++)
        if (network->ports[i].protocol == IPPROTO_SCTP)
            return rt_fail(err, "FEATURE_MISSING", 0, "", "cannot publish %u/sctp without root", network->ports[i].host_port);
    auto_close int directory = run_dir ? open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (run_dir && directory < 0)
        return rt_fail_at(err, run_dir, "NETWORK_FAILED", errno, "open", "cannot open '%s'", run_dir);
    if (network->program)
        return open_with(is_named(network->program, &slirp4netns) ? &slirp4netns : &pasta, network->program, network, netns, directory, out, err);
    if (open_with(&pasta, pasta.name, network, netns, directory, out, err) == 0)
        return 0;
    if (strcmp(err->code, "PORT_TAKEN") == 0)
        return -1;
    /* Where the one is not installed or cannot, the other may. */
    struct rt_error second;
    if (open_with(&slirp4netns, slirp4netns.name, network, netns, directory, out, &second) == 0)
        return 0;
    if (!is_absent(&second) && is_absent(err))
        *err = second;
    if (!is_absent(err))
        return -1;
    return rt_fail(err, "FEATURE_MISSING", ENOENT, "execve", "cannot find a program that gives containers a network without privileges: '%s' (package passt) or '%s'", pasta.name, slirp4netns.name);
}

int user_network_fd(const struct user_network *network)
{
    return network->process;
}

void user_network_close(struct user_network **network)
{
    struct user_network *n = *network;
    if (!n)
        return;
    if (n->process >= 0)
        end_process(n->process);
    util_close(&n->process);
    util_close(&n->errors);
    free(n);
    *network = NULL;
}
