#include "monitor/monitor.h"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/idmap.h"
#include "base/util.h"
#include "monitor/daemon.h"
#include "network/shared.h"
#include "verbs.h"

void monitor_raise_descriptors(const struct monitor *m)
{
    const struct rlimit raised = {.rlim_cur = m->descriptors.rlim_max, .rlim_max = m->descriptors.rlim_max};
    setrlimit(RLIMIT_NOFILE, &raised); /* a socket too many then says EMFILE */
}

void monitor_lower_descriptors(const struct monitor *m)
{
    setrlimit(RLIMIT_NOFILE, &m->descriptors);
}

/* Children of the container's that lost their parent come to us; those that somebody here waits for are left to him. */
static void reap_strangers(struct monitor *m)
{
    for (;;) {
        siginfo_t ended = {0};
        if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) || ended.si_pid == 0) return;
        if (health_owns(m, ended.si_pid) || (m->container && ended.si_pid == runtime_pid(m->container))) return;
        waitpid(ended.si_pid, NULL, WNOHANG);
        log_files_ended(&m->log.files, ended.si_pid);
    }
}

static void signal_came(struct watch *watch, uint32_t events)
{
    struct monitor *m = container_of(watch, struct monitor, signals);
    struct signalfd_siginfo info;
    struct rt_error ignored;
    (void)events;
    while (read(watch->fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            reap_strangers(m);
        else /* the machine shuts down, or somebody wants us gone: the container ends in good order */
            lifecycle_stop(m, (int)m->config->stop_signal, m->config->stop_timeout_ms, &ignored);
    }
}

static int take_signals(struct monitor *m, struct rt_error *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGHUP, SIG_IGN);
    m->signals = (struct watch){.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), .ready = signal_came};
    if (m->signals.fd < 0) return rt_fail(err, "NATIVE_FAILED", errno, "signalfd", "cannot receive signals");
    return loop_watch(&m->loop, &m->signals, EPOLLIN, err);
}

/* The lock says that we live; the kernel drops it with us, whatever happens. */
static int take_lock(struct monitor *m, struct rt_error *err)
{
    if (chdir(m->config->run_dir)) return rt_fail_at(err, m->config->run_dir, "PATH_MISSING", errno, "chdir", "cannot enter the run directory '%s'", m->config->run_dir);
    for (;;) {
        struct stat file;
        m->lock = open("monitor.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (m->lock < 0) return rt_fail(err, "NATIVE_FAILED", errno, "open", "cannot open the lock of the container");
        if (flock(m->lock, LOCK_EX | LOCK_NB)) {
            util_close(&m->lock);
            return rt_fail(err, "CONTAINER_CONFLICT", 0, NULL, "another monitor serves the container");
        }
        /* The one before us removes the file as it ends: what we have may be that one. */
        if (fstat(m->lock, &file) == 0 && file.st_nlink > 0) return 0;
        util_close(&m->lock);
    }
}

/* Who asks for the holder of a port finds the name here. */
static int write_name(const struct monitor *m, struct rt_error *err)
{
    const char *name = m->config->name ? m->config->name : m->config->id;
    auto_close int fd = open("name", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    return fd < 0 || write_all(fd, name, strlen(name)) ? rt_fail(err, "NATIVE_FAILED", errno, "write", "cannot write to the run directory '%s'", m->config->run_dir) : 0;
}

static int enter_namespaces(struct monitor *m, struct rt_error *err)
{
    const char *shared = network_shared(m->config->network);
    return shared ? shared_join(shared, m->config->id, &m->loop, &m->shared, err) : idmap_enter_plan(m->config->plan, err);
}

static int begin(struct monitor *m, struct rt_error *err)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (take_lock(m, err) || loop_open(&m->loop, err) || enter_namespaces(m, err) || take_signals(m, err) || write_name(m, err) || log_open(&m->log, &m->config->log, err) || clients_listen(m, err)) return -1;
    if (lifecycle_create(m, err) == 0 && (!m->config->start || lifecycle_start(m, err) == 0)) return 0;
    if (!m->over) lifecycle_abandon(m, err);
    return -1;
}

static bool forwarding_switched(const struct monitor *m)
{
    return m->lease && network_forwarding_switched(m->lease);
}

/* True when the maker knows that the container runs. */
static bool tell_maker(struct monitor *m, int maker)
{
    const struct daemon_report report = {.pid = m->status.pid, .started = m->status.started, .forwarding_switched = forwarding_switched(m)};
    struct rt_error cancelled = {.code = "CANCELLED", .message = "the start was interrupted"};
    struct pollfd gone = {.fd = maker};
    if (!m->config->start) monitor_save(m);
    /* Whoever gave up has closed his side. */
    if (poll(&gone, 1, 0) == 0 && daemon_report(maker, &report, NULL) == 0) return true;
    lifecycle_abandon(m, &cancelled);
    return false;
}

/*
 * Everything that others can see goes first, then the lock: who waits for us sees nothing of us left. An attached client need not look at all: its
 * connection ends after that.
 */
static void finish(struct monitor *m)
{
    if (m->lock < 0) return; /* nothing is ours */
    log_close(&m->log);
    unlink("control.sock");
    unlink("name");
    unlink("monitor.lock");
    util_close(&m->lock);
    clients_finish(m);
    util_close(&m->listener.fd);
    lifecycle_clean(m);
    shared_leave(&m->shared);
}

void monitor_run(const struct monitor_config *config, int maker)
{
    struct monitor m = {.config = config, .restart = config->restart, .lock = -1, .loop = {.fd = -1, .clock = -1}, .log = {.fd = -1}, .init.fd = -1, .lease_watch.fd = -1, .signals.fd = -1,
                        .listener.fd = -1, .streams = {.in.fd = -1, .out.fd = -1, .err.fd = -1}, .health = {.process.fd = -1, .output.fd = -1}, .network = network_keep(config->network)};
    struct rt_error err = {0};
    getrlimit(RLIMIT_NOFILE, &m.descriptors);
    m.record = rt_printf(&err, "%s/oci", config->run_dir);
    if (!m.record || begin(&m, &err)) {
        const struct daemon_report report = {.failed = true};
        finish(&m);
        daemon_report(maker, &report, &err);
        _exit(1);
    }
    m.over = !tell_maker(&m, maker);
    close(maker);
    malloc_trim(0);
    while (!m.over)
        if (loop_step(&m.loop, -1, &err)) break;
    finish(&m);
    _exit(0);
}

int verb_monitor(struct plan *plan, struct rt_error *err)
{
    struct monitor_config config;
    struct daemon_report report;
    char started[TIMESTAMP_SIZE];
    int result = monitor_config_parse(plan, &config, err) || daemon_start(plan, &config, &report, err) ? -1 : 0;
    monitor_config_free(&config);
    if (result) return -1;
    timestamp(&report.started, started);
    return plan_result(plan,
                       json_pack("{s:i, s:o, s:b}", "pid", report.pid, "startedAt", report.started.tv_sec ? json_string(started) : json_null(), "forwardingSwitched", report.forwarding_switched), err);
}
