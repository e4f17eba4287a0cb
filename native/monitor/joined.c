#include "monitor/joined.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/util.h"
#include "monitor/config.h"
#include "runtime/state.h"

#define MAX_STATE (1 << 20)

static int parse_one(json_t *object, struct monitor_config *config, struct joined *one, struct rt_error *err)
{
    if (json_allow(object, err, "pid", "dir", "name", NULL) || json_req_i64(object, "pid", 1, INT32_MAX, &one->pid, err) || json_req_str(object, "dir", &one->dir, err) ||
        json_req_str(object, "name", &one->name, err))
        return -1;
    for (int kind = 0; kind < NS_KINDS; kind++) {
        char path[64];
        const char *found = config->spec->linux.namespaces[kind].path;
        snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)one->pid, namespace_file(kind));
        one->kinds[kind] = found && strcmp(found, path) == 0;
    }
    return 0;
}

int joined_parse(const json_t *plan, struct monitor_config *config, struct rt_error *err)
{
    json_t *list = NULL, *object;
    if (json_opt_arr(plan, "joined", &list, err)) return -1;
    size_t count = json_array_size(list);
    if (!(config->joined = arena_array(&config->spec->arena, count, sizeof *config->joined, err))) return -1;
    for (size_t i = 0; i < count; i++) {
        config->joined[i].pidfd = -1;
        if (json_elem_obj(list, i, "joined", &object, err) || parse_one(object, config, &config->joined[i], err)) return rt_wrap(err, "joined[%zu]", i);
        config->joined_count++;
    }
    return 0;
}

static int stopped(const struct joined *one, struct rt_error *err)
{
    return rt_fail(err, "CONTAINER_STOPPED", 0, NULL, "cannot join the namespaces of a container that does not run: %s", one->name);
}

/* What the other's monitor wrote when it started its process. */
static int read_process(const struct joined *one, int64_t *pid, int64_t *start, struct rt_error *err)
{
    auto_close int dir = open(one->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_close int fd = dir < 0 ? -1 : openat(dir, "state.json", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (fd < 0) return stopped(one, err);
    if (fstat(fd, &st) || st.st_size > MAX_STATE) return rt_fail_at(err, one->dir, "NATIVE_FAILED", errno, "fstat", "cannot read the state of container %s", one->name);
    auto_free char *text = malloc((size_t)st.st_size + 1);
    if (!text) return rt_nomem(err);
    ssize_t size = read_all(fd, text, (size_t)st.st_size);
    if (size < 0) return rt_fail_at(err, one->dir, "NATIVE_FAILED", errno, "read", "cannot read the state of container %s", one->name);
    auto_json json_t *state = json_parse(text, (size_t)size, "NATIVE_FAILED", "state", err);
    *pid = *start = 0;
    if (!state || json_opt_i64(state, "pid", 0, INT32_MAX, pid, err) || json_opt_i64(state, "pidStart", 0, INT64_MAX, start, err)) return -1;
    return *pid == 0 || *start == 0 ? stopped(one, err) : 0;
}

static int rename_process(const struct monitor_config *config, struct joined *one, int64_t pid, struct rt_error *err)
{
    for (int kind = 0; kind < NS_KINDS; kind++) {
        if (!one->kinds[kind]) continue;
        const char *path = arena_printf(&config->spec->arena, err, "/proc/%d/ns/%s", (int)pid, namespace_file(kind));
        if (!path) return -1;
        config->spec->linux.namespaces[kind].path = path;
    }
    for (size_t i = 0; i < config->trees.count; i++)
        if (config->trees.items[i].pid == one->pid) config->trees.items[i].pid = pid;
    one->pid = pid;
    return 0;
}

static int resolve(const struct monitor_config *config, struct joined *one, struct rt_error *err)
{
    int64_t pid, start;
    uint64_t ticks;
    bool zombie;
    if (read_process(one, &pid, &start, err)) return -1;
    /* While this is open and the process has not ended, its pid is nobody else's. */
    one->pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (one->pidfd < 0 || !process_start_time((pid_t)pid, &ticks, &zombie) || ticks != (uint64_t)start || zombie) return stopped(one, err);
    return pid == one->pid ? 0 : rename_process(config, one, pid, err);
}

int joined_resolve(const struct monitor_config *config, struct rt_error *err)
{
    for (size_t i = 0; i < config->joined_count; i++)
        if (resolve(config, &config->joined[i], err)) return -1;
    return 0;
}

int joined_verify(const struct monitor_config *config, struct rt_error *err)
{
    int result = 0;
    for (size_t i = 0; i < config->joined_count; i++) {
        struct joined *one = &config->joined[i];
        struct pollfd ended = { .fd = one->pidfd, .events = POLLIN };
        if (one->pidfd >= 0 && result == 0 && poll(&ended, 1, 0) != 0) result = stopped(one, err);
        util_close(&one->pidfd);
    }
    return result;
}
