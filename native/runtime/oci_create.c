#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "runtime/foreground.h"
#include "runtime/notify.h"
#include "runtime/oci.h"
#include "runtime/seccomp_cache.h"
#include "runtime/send_fd.h"
#include "runtime/state.h"

struct options {
    const char *bundle, *config, *console_socket, *pid_file, *pidfd_socket;
    int64_t preserve_fds;
    bool detach, keep, no_pivot, no_new_keyring, no_subreaper;
};

static int parse(const struct oci *oci, const char *verb, struct options *options, int *argc, char **argv, struct rt_error *err)
{
    const struct oci_flag flags[] = {
        {"bundle", 'b', FLAG_TEXT, &options->bundle},
        {"config", 'f', FLAG_TEXT, &options->config},
        {"console-socket", 0, FLAG_TEXT, &options->console_socket},
        {"pid-file", 0, FLAG_TEXT, &options->pid_file},
        {"pidfd-socket", 0, FLAG_TEXT, &options->pidfd_socket},
        {"preserve-fds", 0, FLAG_NUMBER, &options->preserve_fds},
        {"detach", 'd', FLAG_BOOL, &options->detach},
        {"keep", 0, FLAG_BOOL, &options->keep},
        {"no-pivot", 0, FLAG_BOOL, &options->no_pivot},
        {"no-new-keyring", 0, FLAG_BOOL, &options->no_new_keyring},
        {"no-subreaper", 0, FLAG_BOOL, &options->no_subreaper},
        {NULL, 0, FLAG_BOOL, NULL},
    };
    *options = (struct options){.bundle = ".", .config = "config.json"};
    if (oci_flags(flags, false, argc, argv, err) || oci_count(oci, verb, *argc, 1, 1, err)) return -1;
    if (options->preserve_fds < 0 || options->preserve_fds > 65536) return rt_fail(err, "USAGE", 0, NULL, "invalid value for preserve-fds: %lld", (long long)options->preserve_fds);
    return 0;
}

static int check_terminal(const struct options *options, const struct spec_process *process, struct rt_error *err)
{
    if (!process) return 0; /* it is the start that needs one */
    if (options->detach && process->terminal && !options->console_socket)
        return rt_fail(err, "USAGE", 0, NULL, "cannot allocate tty if the runtime will detach without setting console socket");
    if ((!options->detach || !process->terminal) && options->console_socket)
        return rt_fail(err, "USAGE", 0, NULL, "cannot use console socket if the runtime will not detach or allocate tty");
    return 0;
}

static void check_descriptors(const struct oci *oci, int64_t total)
{
    char text[96];
    int64_t missing = 0;
    for (int64_t i = 0; i < total; i++) missing += fcntl((int)(3 + i), F_GETFD) < 0;
    snprintf(text, sizeof text, "%lld of %lld descriptors to preserve are not open", (long long)missing, (long long)total);
    if (missing) oci_log(oci, "warning", text);
}

/* sd_listen_fds(3): sockets that were passed to us are the container's, whose process is number 1 in its own count. */
static int add_listen_fds(struct spec *spec, int64_t *preserve_fds, struct rt_error *err)
{
    const char *text = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
    int64_t count, number;
    if (!text || !parse_i64(text, 1, 65536, &count) || (pid && (!parse_i64(pid, 1, INT32_MAX, &number) || number != getpid()))) return 0;
    *preserve_fds += count;
    return spec_add_env(spec, err, "LISTEN_FDS=%lld", (long long)count) || spec_add_env(spec, err, "LISTEN_PID=1") ? -1 : 0;
}

/* What the caller has left open is not for the container's first process, which may wait long for its start. */
static int close_inherited(const struct oci *oci, int64_t preserve_fds, struct rt_error *err)
{
    return close_all_but(3 + (unsigned)preserve_fds, &oci->log_fd, 1) ? rt_fail(err, "NATIVE_FAILED", errno, "close_range", "cannot close inherited descriptors") : 0;
}

/* As in runc, for configs of old: a destination that begins with the path of the root on the host lies in the container without it. */
static int strip_root(struct spec *spec, const char *bundle, struct rt_error *err)
{
    auto_free char *given = spec->root_path ? rt_printf(err, "%s%s%s", spec->root_path[0] == '/' ? "" : bundle, spec->root_path[0] == '/' ? "" : "/", spec->root_path) : NULL;
    auto_free char *root = given ? realpath(given, NULL) : NULL;
    size_t length = root ? strlen(root) : 0;
    for (size_t i = 0; length > 1 && i < spec->mount_count; i++)
        if (strncmp(spec->mounts[i].destination, root, length) == 0 && spec->mounts[i].destination[length] == '/') spec->mounts[i].destination += length;
    return spec->root_path && !given ? -1 : 0;
}

static int load(const struct options *options, char **bundle, struct spec **spec, struct rt_error *err)
{
    *bundle = realpath(options->bundle, NULL);
    if (!*bundle) return rt_fail_at(err, options->bundle, "PATH_MISSING", errno, "realpath", "cannot open the bundle '%s'", options->bundle);
    auto_close int directory = open(*bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return rt_fail_at(err, *bundle, "PATH_MISSING", errno, "open", "cannot open the bundle '%s'", *bundle);
    *spec = spec_load(directory, options->config, err);
    return *spec ? strip_root(*spec, *bundle, err) : -1;
}

static void tell_warnings(const struct oci *oci, const struct spec *spec)
{
    for (size_t i = 0; i < spec->warnings.count; i++) oci_log(oci, "warning", spec->warnings.items[i]);
}

/* What is made is undone when a later step fails: the container is deleted, then its directory. */
static int create(const struct oci *oci, const char *id, const struct options *options, struct spec *spec, const char *bundle, bool start_later, struct container **out, char **path,
                  struct rt_error *err)
{
    auto_close int directory = -1, cache = seccomp_cache_open();
    auto_free char *pid_file = options->pid_file ? oci_absolute(options->pid_file, err) : NULL;
    if ((options->pid_file && !pid_file) || oci_directory(oci, id, true, path, &directory, err)) return -1;
    const struct runtime_params params = {
        .id = id, .bundle = bundle, .state_dir = *path, .rootfs = -1, .stdio = {-1, -1, -1}, .preserve_fds = (int)options->preserve_fds, .console_socket = options->console_socket, .plain_newlines = !options->console_socket && !foreground_is_terminal(),
        .pid_file = pid_file, .cgroup = oci->cgroup, .whole_cgroup = true, .seccomp_cache = cache, .start_later = start_later,
        .no_pivot = options->no_pivot, .all_cpus = true, .no_new_keyring = options->no_new_keyring, .debug = oci->debug ? oci_debug : NULL, .warn = oci_warn, .warn_context = (void *)oci,
    };
    if (notify_prepare(spec, *path, err) == 0 && runtime_create(spec, &params, out, err) == 0) return 0;
    state_remove(*path);
    rmdir(*path);
    return -1;
}

static int finish(struct container *container, const char *path, struct rt_error *err)
{
    int result = runtime_delete(container, err);
    rmdir(path);
    return result;
}

static int make(struct oci *oci, const char *id, struct options *options, struct spec **spec, char **bundle, bool start_later, struct container **container, char **path, struct rt_error *err)
{
    if (load(options, bundle, spec, err)) return -1;
    if (!(*spec)->process && !start_later) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "process property must not be empty");
    if (check_terminal(options, (*spec)->process, err) || ((*spec)->process && add_listen_fds(*spec, &options->preserve_fds, err))) return -1;
    check_descriptors(oci, options->preserve_fds);
    if (close_inherited(oci, options->preserve_fds, err)) return -1;
    tell_warnings(oci, *spec);
    if (create(oci, id, options, *spec, *bundle, start_later, container, path, err)) return -1;
    if (!options->pidfd_socket || send_fd(options->pidfd_socket, runtime_pidfd(*container), "pidfd", 5, "pidfd socket", err) == 0) return 0;
    struct rt_error later;
    finish(*container, *path, &later);
    return -1;
}

int oci_create(struct oci *oci, int argc, char **argv, struct rt_error *err)
{
    struct options options;
    auto_spec struct spec *spec = NULL;
    auto_free char *bundle = NULL, *path = NULL;
    struct container *container;
    if (parse(oci, "create", &options, &argc, argv, err)) return -1;
    options.detach = true;
    if (make(oci, argv[0], &options, &spec, &bundle, true, &container, &path, err)) return -1;
    runtime_close(container);
    return 0;
}

int oci_run(struct oci *oci, int argc, char **argv, struct rt_error *err)
{
    struct options options;
    auto_spec struct spec *spec = NULL;
    auto_free char *bundle = NULL, *path = NULL;
    struct container *container;
    struct runtime_exit end;
    struct rt_error later;
    if (parse(oci, "run", &options, &argc, argv, err) || make(oci, argv[0], &options, &spec, &bundle, false, &container, &path, err)) return -1;
    struct notify *notify = NULL;
    if (!options.detach) foreground_hold();
    if (notify_open(path, &notify, err) || runtime_start(container, err)) {
        notify_close(notify);
        finish(container, path, &later);
        return -1;
    }
    if (options.detach) {
        if (notify) notify_wait(notify, runtime_pidfd(container), runtime_pid(container));
        notify_close(notify);
        runtime_close(container);
        return 0;
    }
    auto_close int terminal = runtime_take_terminal(container);
    const struct foreground foreground = {.pidfd = runtime_pidfd(container), .terminal = terminal, .pass_signals = true, .resize = -1, .notify = notify};
    int result = foreground_serve(&foreground, err) || runtime_wait(container, true, &end, err) ? -1 : end.code;
    notify_close(notify);
    if (options.keep) runtime_close(container);
    else if (finish(container, path, &later)) oci_log(oci, "warning", later.message);
    return result;
}
