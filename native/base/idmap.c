#include "base/idmap.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/util.h"

void idmap_free(struct idmap *map)
{
    free(map->uid);
    free(map->gid);
    *map = (struct idmap){ 0 };
}

static int parse_ranges(const json_t *array, const char *what, struct idmap_range **out, size_t *count, struct rt_error *err)
{
    size_t n = json_array_size(array);
    if (n == 0 || n > 340) return rt_fail(err, "PLAN_INVALID", 0, NULL, "'%s' must have 1 to 340 ranges", what); /* the kernel's limit */
    struct idmap_range *ranges = calloc(n, sizeof *ranges);
    if (!ranges) return rt_nomem(err);
    *out = ranges;
    *count = n;
    for (size_t i = 0; i < n; i++) {
        const json_t *range = json_array_get(array, i);
        if (json_array_size(range) != 3) return rt_fail(err, "PLAN_INVALID", 0, NULL, "'%s' must have ranges [inside, outside, count]", what);
        int64_t v[3];
        for (size_t k = 0; k < 3; k++)
            if (json_elem_i64(range, k, what, k == 2, UINT32_MAX, &v[k], err) < 0) return -1;
        ranges[i] = (struct idmap_range){ (uint32_t)v[0], (uint32_t)v[1], (uint32_t)v[2] };
    }
    return 0;
}

int idmap_parse(const json_t *plan, struct idmap *out, struct rt_error *err)
{
    *out = (struct idmap){ 0 };
    json_t *object = NULL, *uid, *gid;
    int64_t pid;
    if (json_opt_obj(plan, "idmap", &object, err) < 0) return -1;
    if (!object) return 0;
    if (json_object_get(object, "pid")) {
        if (json_allow(object, err, "pid", NULL) < 0 || json_req_i64(object, "pid", 1, INT_MAX, &pid, err) < 0) return -1;
        out->pid = (int)pid;
        return 1;
    }
    if (json_allow(object, err, "uid", "gid", NULL) < 0 || json_req_arr(object, "uid", &uid, err) < 0 || json_req_arr(object, "gid", &gid, err) < 0 ||
        parse_ranges(uid, "idmap.uid", &out->uid, &out->uid_count, err) < 0 || parse_ranges(gid, "idmap.gid", &out->gid, &out->gid_count, err) < 0) {
        idmap_free(out);
        return -1;
    }
    return 1;
}

static int write_proc(int pid, const char *name, const char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    return write(fd, text, size) == (ssize_t)size ? 0 : -1; /* the kernel takes a map in one write only */
}

static int run_helper(const char *helper, int pid, const struct idmap_range *ranges, size_t count, struct rt_error *err)
{
    auto_free char **argv = calloc(count * 3 + 3, sizeof *argv);
    auto_free char *numbers = calloc(count * 3 + 1, 16);
    if (!argv || !numbers) return rt_nomem(err);
    size_t argc = 0;
    argv[argc++] = (char *)helper;
    snprintf(numbers, 16, "%d", pid);
    argv[argc++] = numbers;
    for (size_t i = 0; i < count; i++) {
        const uint32_t values[] = { ranges[i].inside, ranges[i].outside, ranges[i].count };
        for (size_t k = 0; k < 3; k++) {
            char *slot = numbers + 16 * (i * 3 + k + 1);
            snprintf(slot, 16, "%u", values[k]);
            argv[argc++] = slot;
        }
    }
    pid_t child = fork();
    if (child < 0) return rt_fail(err, "NATIVE_FAILED", errno, "fork", "cannot start %s", helper);
    if (child == 0) {
        signal(SIGPIPE, SIG_DFL);
        execvp(helper, argv);
        _exit(errno == ENOENT ? 127 : 126);
    }
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return rt_fail(err, "NATIVE_FAILED", errno, "waitpid", "cannot wait for %s", helper);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return rt_fail(err, "FEATURE_MISSING", ENOENT, "execve", "cannot map ids: %s is not installed (package uidmap)", helper);
    return rt_fail(err, "FEATURE_MISSING", 0, NULL, "cannot map ids: %s refused the mapping (see /etc/subuid and /etc/subgid)", helper);
}

static int write_map(int pid, const char *file, const char *helper, const struct idmap_range *ranges, size_t count, struct rt_error *err)
{
    auto_buf struct buf text = { 0 };
    for (size_t i = 0; i < count; i++)
        if (buf_printf(&text, err, "%u %u %u\n", ranges[i].inside, ranges[i].outside, ranges[i].count) < 0) return -1;
    if (write_proc(pid, file, text.data, text.size) == 0) return 0;
    if (errno != EPERM) return rt_fail(err, "NATIVE_FAILED", errno, "write", "cannot write /proc/%d/%s", pid, file);
    return run_helper(helper, pid, ranges, count, err);
}

int idmap_write(const struct idmap *map, int pid, struct rt_error *err)
{
    /* Without setgroups "deny" an unprivileged process may not write its own group (CVE-2014-8989); the helper needs no deny. */
    if (map->gid_count == 1 && map->gid[0].count == 1 && geteuid() != 0 && write_proc(pid, "setgroups", "deny", 4) < 0 && errno != ENOENT)
        return rt_fail(err, "NATIVE_FAILED", errno, "write", "cannot write /proc/%d/setgroups", pid);
    if (write_map(pid, "gid_map", "newgidmap", map->gid, map->gid_count, err) < 0) return -1;
    return write_map(pid, "uid_map", "newuidmap", map->uid, map->uid_count, err);
}

/* The helper stays outside of the new namespace: it waits for one byte, writes the maps of its parent and reports over the socket. */
static void map_parent(const struct idmap *map, int parent, int go, int report)
{
    char byte;
    if (read_all(go, &byte, 1) != 1) _exit(1);
    struct rt_error err = { 0 };
    if (idmap_write(map, parent, &err) < 0) {
        rt_error_send(report, &err);
        _exit(1);
    }
    _exit(0);
}

static int become_root(struct rt_error *err)
{
    if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        return rt_fail(err, "NATIVE_FAILED", errno, "setresuid", "cannot become root of the user namespace");
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* a change of ids clears it */
    return 0;
}

/* The owner of a user namespace may enter it from the one that it was made in. */
static int join_process(int pid, struct rt_error *err)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? rt_fail(err, "NATIVE_FAILED", errno, "open", "cannot open the user namespace of process %d", pid) : idmap_join(fd, err);
}

int idmap_join(int userns, struct rt_error *err)
{
    if (setns(userns, CLONE_NEWUSER) < 0) return rt_fail(err, "NATIVE_FAILED", errno, "setns", "cannot enter the user namespace");
    if (unshare(CLONE_NEWNS) < 0) return rt_fail(err, "NATIVE_FAILED", errno, "unshare", "cannot make a mount namespace");
    return become_root(err);
}

int idmap_enter(const struct idmap *map, struct rt_error *err)
{
    if (map->pid) return join_process(map->pid, err);
    int go[2], report[2];
    if (pipe2(go, O_CLOEXEC) < 0) return rt_fail(err, "NATIVE_FAILED", errno, "pipe2", "cannot make a pipe");
    auto_close int go_read = go[0], go_write = go[1];
    if (pipe2(report, O_CLOEXEC) < 0) return rt_fail(err, "NATIVE_FAILED", errno, "pipe2", "cannot make a pipe");
    auto_close int report_read = report[0], report_write = report[1];
    int self = getpid();
    pid_t child = fork();
    if (child < 0) return rt_fail(err, "NATIVE_FAILED", errno, "fork", "cannot start a helper process");
    if (child == 0) {
        util_close(&go_write);
        util_close(&report_read);
        map_parent(map, self, go_read, report_write);
    }
    close(take_fd(&go_read));
    close(take_fd(&report_write));
    int result = unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0
                     ? rt_fail(err, "FEATURE_MISSING", errno, "unshare", "cannot make a user namespace")
                     : 0;
    if (result == 0 && write_all(go_write, "m", 1) < 0) result = rt_fail(err, "NATIVE_FAILED", errno, "write", "cannot start the mapping of ids");
    close(take_fd(&go_write));
    struct rt_error fault;
    if (result == 0 && rt_error_recv(report_read, &fault) != 0) {
        *err = fault;
        result = -1;
    }
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
    return result < 0 ? -1 : become_root(err);
}

int idmap_enter_plan(const json_t *plan, struct rt_error *err)
{
    struct idmap map;
    int found = idmap_parse(plan, &map, err);
    if (found <= 0) return found;
    int result = idmap_enter(&map, err);
    idmap_free(&map);
    return result;
}
