#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/util.h"
#include "runtime/cgroup.h"
#include "runtime/notify.h"
#include "runtime/oci.h"
#include "runtime/state.h"

/* The verbs that change what an existing container does: start, kill, pause, resume, delete. */

static int only_id(const struct oci *oci, const char *verb, int *argc, char **argv, struct rt_error *err)
{
    const struct oci_flag none[] = {{NULL, 0, FLAG_BOOL, NULL}};
    return oci_flags(none, false, argc, argv, err) || oci_count(oci, verb, *argc, 1, 1, err) ? -1 : 0;
}

/* runtime-spec, "start": an error, which leaves the container as it is. */
static int want_process(const struct container *container, struct rt_error *err)
{
    return runtime_spec(container)->process ? 0 : rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "the config has no process to start");
}

static int start(struct container *container, const char *state_dir, struct rt_error *err)
{
    struct notify *notify = NULL;
    if (want_process(container, err) || notify_open(state_dir, &notify, err)) return -1;
    int result = runtime_start(container, err);
    if (!result && notify) notify_wait(notify, runtime_pidfd(container), runtime_pid(container));
    notify_close(notify);
    return result;
}

int oci_start(struct oci *oci, int argc, char **argv, struct rt_error *err)
{
    struct container *container;
    auto_free char *path = NULL;
    auto_close int directory = -1;
    if (only_id(oci, "start", &argc, argv, err) || oci_open(oci, argv[0], &container, &path, &directory, err)) return -1;
    const char *status = oci_status(container, directory);
    int result = 0;
    if (strcmp(status, "stopped") == 0) result = rt_fail(err, "CONTAINER_STOPPED", 0, NULL, "cannot start a container that has stopped");
    else if (strcmp(status, "created") != 0) result = rt_fail(err, "CONTAINER_RUNNING", 0, NULL, "cannot start an already running container");
    else result = start(container, path, err);
    /* A poststart hook that failed ends the container's life, record and all. */
    if (result && strcmp(err->code, "HOOK_FAILED") == 0) {
        struct rt_error later;
        runtime_delete(container, &later);
        rmdir(path);
        return -1;
    }
    runtime_close(container);
    return result;
}

/* A container that shares the pid namespace of others does not end with its first process. */
static bool owns_pids(const struct container *container)
{
    const struct spec_namespace *pid = &runtime_spec(container)->linux.namespaces[NS_PID];
    return pid->wanted && !pid->path;
}

static int send_signal(const struct container *container, int directory, int signo, bool all, struct rt_error *err)
{
    if (all && signo != SIGKILL) return runtime_kill(container, signo, true, err);
    if (all || (signo == SIGKILL && !owns_pids(container))) return runtime_kill(container, signo, true, err);
    if (oci_want_running(container, directory, err)) return -1;
    if (runtime_kill(container, signo, false, err)) return -1;
    /* A frozen process of v1 takes the signal when it thaws. */
    const struct cgroup *cgroup = runtime_cgroup(container);
    return signo == SIGKILL && cgroup && cgroup_frozen(cgroup) ? cgroup_freeze(cgroup, false, err) : 0;
}

int oci_kill(struct oci *oci, int argc, char **argv, struct rt_error *err)
{
    struct container *container;
    bool all = false;
    auto_free char *path = NULL;
    auto_close int directory = -1;
    const struct oci_flag flags[] = {{"all", 'a', FLAG_BOOL, &all}, {NULL, 0, FLAG_BOOL, NULL}};
    if (oci_flags(flags, true, &argc, argv, err) || oci_count(oci, "kill", argc, 1, 2, err) || oci_open(oci, argv[0], &container, &path, &directory, err)) return -1;
    int signo = oci_signal(argc > 1 ? argv[1] : "SIGTERM");
    int result = signo < 0 ? rt_fail(err, "USAGE", 0, NULL, "unknown signal \"%s\"", argv[1]) : send_signal(container, directory, signo, all, err);
    runtime_close(container);
    return result;
}

static int pause_or_resume(struct oci *oci, const char *verb, bool pause, int argc, char **argv, struct rt_error *err)
{
    struct container *container;
    auto_free char *path = NULL;
    auto_close int directory = -1;
    if (only_id(oci, verb, &argc, argv, err) || oci_open(oci, argv[0], &container, &path, &directory, err)) return -1;
    const char *status = oci_status(container, directory);
    int result;
    if (pause && strcmp(status, "running") != 0 && strcmp(status, "created") != 0) result = rt_fail(err, "CONTAINER_STOPPED", 0, NULL, "container not running");
    else if (!pause && strcmp(status, "paused") != 0) result = rt_fail(err, "CONTAINER_STOPPED", 0, NULL, "container not paused");
    else result = runtime_pause(container, pause, err);
    runtime_close(container);
    return result;
}

int oci_pause(struct oci *oci, int argc, char **argv, struct rt_error *err)
{
    return pause_or_resume(oci, "pause", true, argc, argv, err);
}

int oci_resume(struct oci *oci, int argc, char **argv, struct rt_error *err)
{
    return pause_or_resume(oci, "resume", false, argc, argv, err);
}

/* A create that was killed leaves a directory without a record: the plain files in it and itself are all there can be. */
static void remove_unfinished(const char *path)
{
    state_remove(path);
    rmdir(path);
}

static int delete_known(const struct oci *oci, const char *id, bool force, struct rt_error *err)
{
    struct container *container;
    auto_free char *path = NULL;
    auto_close int directory = -1;
    if (oci_open(oci, id, &container, &path, &directory, err)) return -1;
    const char *status = oci_status(container, directory);
    if (!force && strcmp(status, "stopped") != 0 && strcmp(status, "created") != 0) {
        runtime_close(container);
        return rt_fail(err, "CONTAINER_RUNNING", 0, NULL, "cannot delete container %s that is not stopped: %s", id, status);
    }
    if (runtime_delete(container, err)) return -1;
    return rmdir(path) && errno != ENOENT ? rt_fail_at(err, path, "NATIVE_FAILED", errno, "rmdir", "cannot remove the directory '%s'", path) : 0;
}

static int delete_one(const struct oci *oci, const char *id, bool force, struct rt_error *err)
{
    if (delete_known(oci, id, force, err) == 0) return 0;
    if (strcmp(err->code, "CONTAINER_NOT_FOUND") != 0) return -1;
    if (err->path[0]) remove_unfinished(err->path);
    return force ? 0 : -1;
}

/* All of them are tried; the first error is the one to tell. */
static int delete_matching(const struct oci *oci, const char *pattern, bool force, struct rt_error *err)
{
    struct rt_error later;
    regex_t expression;
    char **names = NULL;
    size_t count = 0;
    if (regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB)) return rt_fail(err, "USAGE", 0, NULL, "invalid regular expression: %s", pattern);
    int result = oci_names(oci, &names, &count, err);
    for (size_t i = 0; i < count; i++)
        if (regexec(&expression, names[i], 0, NULL, 0) == 0 && delete_one(oci, names[i], force, result ? &later : err)) result = -1;
    oci_names_free(names, count);
    regfree(&expression);
    return result;
}

int oci_delete(struct oci *oci, int argc, char **argv, struct rt_error *err)
{
    bool force = false, regex = false;
    const struct oci_flag flags[] = {{"force", 'f', FLAG_BOOL, &force}, {"regex", 'r', FLAG_BOOL, &regex}, {NULL, 0, FLAG_BOOL, NULL}};
    if (oci_flags(flags, false, &argc, argv, err) || oci_count(oci, "delete", argc, 1, 1, err)) return -1;
    return regex ? delete_matching(oci, argv[0], force, err) : delete_one(oci, argv[0], force, err);
}
