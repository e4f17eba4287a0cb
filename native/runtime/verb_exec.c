#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/plan.h"
#include "base/util.h"
#include "runtime/accounts.h"
#include "runtime/exec.h"
#include "runtime/foreground.h"
#include "runtime/seccomp_cache.h"
#include "runtime/state.h"
#include "verbs.h"

/* docs/native-core.md, "exec": one more process in a container whose monitor keeps the runtime's record in runDir/oci. */

struct request {
    const char *run_dir, *user;
    json_t *process;
    struct spec_strings groups;
    bool tty, detach;
    int64_t pid, resize; /* -1: not given */
};

static int parse(struct plan *plan, struct request *request, struct rt_error *err)
{
    json_t *user = NULL;
    *request = (struct request){.pid = -1, .resize = -1};
    if (plan_allow(plan, err, "runDir", "pid", "process", "user", "tty", "detach", "resizeFd") || json_req_str(plan->json, "runDir", &request->run_dir, err) ||
        json_opt_i64(plan->json, "pid", 1, INT32_MAX, &request->pid, err) || json_req_obj(plan->json, "process", &request->process, err) || json_opt_obj(plan->json, "user", &user, err) ||
        json_opt_bool(plan->json, "tty", &request->tty, err) || json_opt_bool(plan->json, "detach", &request->detach, err) ||
        json_opt_i64(plan->json, "resizeFd", 5, INT32_MAX, &request->resize, err))
        return -1;
    if (!user) return 0;
    if (json_allow(user, err, "name", "groups", NULL) || json_req_str(user, "name", &request->user, err) || json_opt_strv(user, "groups", &request->groups.items, err)) return rt_wrap(err, "user");
    while (request->groups.items && request->groups.items[request->groups.count]) request->groups.count++;
    return 0;
}

static int resolve_user(const struct request *request, const struct container *container, struct spec_process *process, struct rt_error *err)
{
    char path[40];
    struct spec *spec = (struct spec *)runtime_spec(container);
    if (!request->user) return 0;
    snprintf(path, sizeof path, "/proc/%d/root", runtime_pid(container));
    auto_close int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) return rt_fail(err, "NATIVE_FAILED", errno, "open", "cannot open the container's root");
    auto_close int still = state_pidfd(runtime_state(container));
    if (still < 0) return rt_fail(err, "CONTAINER_STOPPED", 0, NULL, "the container does not run");
    return accounts_resolve(root, request->user, &request->groups, &spec->arena, &process->user, err);
}

static void warn(void *context, const char *text)
{
    struct rt_error ignored;
    plan_event(context, "warning", json_pack("{s:s}", "message", text), &ignored);
}

static int wait_end(const struct request *request, const struct exec_result *result, int *status, struct rt_error *err)
{
    const struct foreground options = {.pidfd = result->pidfd, .terminal = result->terminal, .resize = (int)request->resize, .cancelled = plan_cancelled};
    int served = foreground_serve(&options, err);
    if (served) kill(result->pid, SIGKILL);
    while (waitpid(result->pid, status, 0) < 0)
        if (errno != EINTR) return rt_fail(err, "NATIVE_FAILED", errno, "waitpid", "cannot wait for the process");
    return served;
}

static int run(struct plan *plan, const struct request *request, const struct container *container, const struct spec_process *process, struct rt_error *err)
{
    struct exec_result result;
    int status = 0;
    auto_close int cache = seccomp_cache_open();
    const struct runtime_external *external = &runtime_state(container)->external;
    const struct exec_params params = {
        .init_pidfd = runtime_pidfd(container), .init_pid = runtime_pid(container), .spec = runtime_spec(container), .process = process, .cgroup = runtime_cgroup(container), .stdio = {-1, -1, -1},
        .seccomp_cache = cache, .id = runtime_state(container)->id, .bundle = runtime_state(container)->bundle, .die_with_parent = !request->detach, .external = external->path ? external : NULL, .warn = warn, .warn_context = plan,
    };
    if (exec_start(&params, &result, err)) return -1;
    int failed = plan_event(plan, "started", json_pack("{s:i}", "pid", result.pid), err);
    if (!failed && !request->detach) failed = wait_end(request, &result, &status, err);
    util_close(&result.pidfd);
    util_close(&result.terminal);
    if (failed) return -1;
    int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    json_t *exit_code = request->detach ? json_null() : json_integer(code), *signo = WIFSIGNALED(status) ? json_integer(WTERMSIG(status)) : json_null();
    return plan_result(plan, json_pack("{s:i, s:o, s:o}", "pid", result.pid, "exitCode", exit_code, "signal", signo), err);
}

static int exec_in(struct plan *plan, const struct request *request, struct container *container, int directory, struct rt_error *err)
{
    struct spec *spec = (struct spec *)runtime_spec(container);
    const char *status = state_status(directory, runtime_state(container));
    if (strcmp(status, "running") != 0 || (request->pid > 0 && request->pid != runtime_pid(container))) return rt_fail(err, "CONTAINER_STOPPED", 0, NULL, "the container is %s, not running", status);
    struct spec_process *process = spec_process_parse(spec, request->process, err);
    if (!process) return -1;
    process->terminal = request->tty;
    exec_inherit(process, spec->process);
    return resolve_user(request, container, process, err) ? -1 : run(plan, request, container, process, err);
}

int verb_exec(struct plan *plan, struct rt_error *err)
{
    struct request request;
    struct container *container;
    auto_close int directory = -1;
    const struct runtime_params params = {.rootfs = -1, .seccomp_cache = -1};
    int result = parse(plan, &request, err);
    auto_free char *path = result ? NULL : rt_printf(err, "%s/oci", request.run_dir);
    if (path) directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (path && directory < 0) result = rt_fail_at(err, path, "CONTAINER_STOPPED", errno, "open", "the container does not run: there is no '%s'", path);
    if (!path || result || runtime_open(directory, &params, &container, err)) result = -1;
    else {
        result = exec_in(plan, &request, container, directory, err);
        runtime_close(container);
    }
    free(request.groups.items);
    return result;
}
