#include "runtime/external.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/util.h"
#include "runtime/command.h"
#include "runtime/container_internal.h"
#include "runtime/external_bundle.h"
#include "runtime/recv_fd.h"

struct external {
    char *path, *root;
    struct external_bundle bundle;
    pid_t guard;
    int guarded; /* the guard acts when this end closes */
};

enum { ARGS_MAX = 32 };

/* `path --root R --log L --log-format json` and what follows. */
struct words {
    const char *items[ARGS_MAX];
    size_t count;
};

static void add(struct words *words, const char *word)
{
    if (words->count < ARGS_MAX - 1) words->items[words->count++] = word;
    words->items[words->count] = NULL;
}

static void begin(struct words *words, const char *path, const char *root, const char *log)
{
    *words = (struct words){0};
    add(words, path);
    add(words, "--root"), add(words, root);
    if (log) add(words, "--log"), add(words, log), add(words, "--log-format"), add(words, "json");
}

static int call(const struct external *external, const char *what, struct words *words, struct rt_error *err)
{
    auto_free char *log = external_bundle_file(&external->bundle, "log", err);
    const struct command command = {.args = words->items, .stdio = {-1, -1, -1}, .log = log, .what = what};
    return log ? command_run(&command, err) : -1;
}

/* A process that waits until we are gone, in whatever way, and then deletes the container. */
static int start_guard(struct external *external, const char *id, struct rt_error *err)
{
    int ends[2];
    struct words words;
    if (pipe2(ends, O_CLOEXEC)) return rt_fail(err, "NATIVE_FAILED", errno, "pipe2", "cannot watch over the container");
    begin(&words, external->path, external->root, NULL);
    add(&words, "delete"), add(&words, "--force"), add(&words, id);
    external->guard = fork();
    if (external->guard == 0) {
        char end;
        setsid();
        prctl(PR_SET_NAME, "tsbuild:guard");
        reset_signals();
        close(ends[1]);
        close_descriptors(3, (unsigned)ends[0] - 1, 0);
        close_descriptors((unsigned)ends[0] + 1, ~0u, 0);
        (void)!read(ends[0], &end, 1);
        execvp(words.items[0], (char *const *)words.items);
        _exit(127);
    }
    close(ends[0]);
    external->guarded = ends[1];
    return external->guard < 0 ? rt_fail(err, "NATIVE_FAILED", errno, "fork", "cannot watch over the container") : 0;
}

static void end_guard(struct external *external)
{
    if (external->guard <= 0) return;
    kill(external->guard, SIGKILL);
    while (waitpid(external->guard, NULL, 0) < 0 && errno == EINTR) continue;
    external->guard = 0;
}

static int read_pid(const char *path, pid_t *pid, struct rt_error *err)
{
    char text[32];
    uint64_t number;
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read_all(fd, text, sizeof text - 1);
    if (size > 0) text[size] = 0, text[strcspn(text, "\n")] = 0;
    if (size <= 0 || !parse_u64(text, INT32_MAX, &number)) return rt_fail_at(err, path, "RUNTIME_FAILED", 0, NULL, "the runtime wrote no pid to '%s'", path);
    *pid = (pid_t)number;
    return 0;
}

static int watch(pid_t pid, int *pidfd, struct rt_error *err)
{
    *pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    return *pidfd < 0 ? rt_fail(err, "NATIVE_FAILED", errno, "pidfd_open", "cannot watch process %d", pid) : 0;
}

static int call_create(struct container *container, struct rt_error *err)
{
    struct external *external = container->external;
    const struct runtime_params *params = &container->params;
    char preserved[16];
    struct words words;
    auto_free char *log = external_bundle_file(&external->bundle, "log", err), *pid = external_bundle_file(&external->bundle, "pid", err);
    auto_free char *console = external_bundle_file(&external->bundle, "console.sock", err);
    if (!log || !pid || !console) return -1;
    bool terminal = container->spec->process && container->spec->process->terminal;
    auto_close int listener = terminal ? recv_fd_listen(console, err) : -1;
    if (terminal && listener < 0) return -1;
    begin(&words, external->path, external->root, log);
    add(&words, "create"), add(&words, "--bundle"), add(&words, external->bundle.path), add(&words, "--pid-file"), add(&words, pid);
    if (terminal) add(&words, "--console-socket"), add(&words, console);
    snprintf(preserved, sizeof preserved, "%d", params->preserve_fds);
    if (params->preserve_fds) add(&words, "--preserve-fds"), add(&words, preserved);
    if (params->no_pivot) add(&words, "--no-pivot");
    add(&words, params->id);
    const struct command command = {.args = words.items, .stdio = {params->stdio[0], params->stdio[1], params->stdio[2]}, .preserve_fds = params->preserve_fds, .log = log, .what = "cannot create the container"};
    if (command_run(&command, err) || read_pid(pid, &container->pid, err) || watch(container->pid, &container->pidfd, err)) return -1;
    return terminal && (container->terminal = recv_fd_accept(listener, err)) < 0 ? -1 : 0;
}

static int expect_mount_points(const struct container *container, struct rt_error *err)
{
    const struct runtime_params *params = &container->params;
    const struct spec *spec = container->spec;
    if (!params->mount_points || params->rootfs < 0) return 0;
    for (size_t i = 0; i < spec->mount_count; i++)
        if (mount_points_expect(params->mount_points, params->rootfs, spec->mounts[i].destination, err)) return -1;
    for (size_t i = 0; i < params->tree_count; i++)
        if (mount_points_expect(params->mount_points, params->rootfs, params->trees[i].target, err)) return -1;
    return 0;
}

int external_create(struct container *container, struct rt_error *err)
{
    const struct runtime_params *params = &container->params;
    struct external *external = calloc(1, sizeof *external);
    if (!external) return rt_nomem(err);
    container->external = external;
    external->guarded = -1;
    external->path = rt_strdup(params->external->path, err);
    external->root = rt_strdup(params->external->root, err);
    if (!external->path || !external->root) return -1;
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) return rt_fail(err, "NATIVE_FAILED", errno, "prctl", "cannot adopt the container's process");
    if (external_bundle_make(container->spec, params, &external->bundle, err) || expect_mount_points(container, err)) return -1;
    if (params->die_with_parent && start_guard(external, params->id, err)) return -1;
    if (call_create(container, err)) return -1;
    if (params->mount_points && params->rootfs >= 0) mount_points_settle(params->mount_points, params->rootfs);
    if (params->attach && params->attach(params->attach_context, container->pid, err)) return -1;
    return cgroup_adopt(container->pid, &container->cgroup, err);
}

int external_call(const struct container *container, const char *verb, struct rt_error *err)
{
    struct words words;
    char what[64];
    auto_free char *log = external_bundle_file(&container->external->bundle, "log", err);
    if (!log) return -1;
    begin(&words, container->external->path, container->external->root, log);
    add(&words, verb), add(&words, container->params.id);
    snprintf(what, sizeof what, "cannot %s the container", verb);
    return call(container->external, what, &words, err);
}

int external_start(struct container *container, struct rt_error *err)
{
    return external_call(container, "start", err);
}

int external_delete(struct external *external, const char *id, struct rt_error *err)
{
    struct words words;
    int result = 0;
    if (external->bundle.path) {
        begin(&words, external->path, external->root, NULL);
        add(&words, "delete"), add(&words, "--force"), add(&words, id);
        result = call(external, "cannot delete the container", &words, err);
    }
    external_free(external);
    return result;
}

void external_free(struct external *external)
{
    if (!external) return;
    end_guard(external);
    util_close(&external->guarded);
    external_bundle_remove(&external->bundle);
    free(external->path);
    free(external->root);
    free(external);
}

static int process_file(const struct exec_params *params, struct rt_error *err)
{
    auto_json json_t *document = spec_process_json(params->process);
    auto_free char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
    auto_close int fd = memfd_create("process.json", 0);
    if (!text) return rt_nomem(err);
    if (fd < 0 || write_all(fd, text, strlen(text)) || lseek(fd, 0, SEEK_SET)) return rt_fail(err, "NATIVE_FAILED", errno, "memfd_create", "cannot hand over the process");
    return take_fd(&fd);
}

int external_exec(const struct exec_params *params, struct exec_result *out, struct rt_error *err)
{
    struct words words;
    char directory[] = "/tmp/tsbuild-exec-XXXXXX", process[40];
    auto_close int file = process_file(params, err);
    if (file < 0) return -1;
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) || !mkdtemp(directory)) return rt_fail(err, "NATIVE_FAILED", errno, "mkdtemp", "cannot run a process in the container");
    struct external_bundle bundle = {.path = rt_strdup(directory, err)};
    auto_free char *log = external_bundle_file(&bundle, "log", err), *pid = external_bundle_file(&bundle, "pid", err), *console = external_bundle_file(&bundle, "console.sock", err);
    bool terminal = params->process->terminal;
    auto_close int listener = terminal && console ? recv_fd_listen(console, err) : -1;
    begin(&words, params->external->path, params->external->root, log);
    snprintf(process, sizeof process, "/proc/%d/fd/%d", getpid(), file);
    add(&words, "exec"), add(&words, "--detach"), add(&words, "--pid-file"), add(&words, pid), add(&words, "--process"), add(&words, process);
    if (terminal) add(&words, "--console-socket"), add(&words, console);
    add(&words, params->id);
    const struct command command = {.args = words.items, .stdio = {params->stdio[0], params->stdio[1], params->stdio[2]}, .log = log, .what = "cannot run a process in the container"};
    int result = !log || !pid || !console || (terminal && listener < 0) ? -1 : command_run(&command, err);
    if (!result) result = read_pid(pid, &out->pid, err) || watch(out->pid, &out->pidfd, err) ? -1 : 0;
    if (!result && terminal) result = (out->terminal = recv_fd_accept(listener, err)) < 0 ? -1 : 0;
    external_bundle_remove(&bundle);
    return result;
}
