#include "runtime/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/util.h"
#include "runtime/send_fd.h"

enum { STATE_LIMIT = 1 << 20 };

static int write_file(int directory, const char *name, const char *text, struct rt_error *err)
{
    auto_free char *temporary = rt_printf(err, ".%s.new", name);
    if (!temporary) return -1;
    auto_close int fd = openat(directory, temporary, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || write_all(fd, text, strlen(text)) || renameat(directory, temporary, directory, name))
        return rt_fail_at(err, name, "NATIVE_FAILED", errno, "write", "cannot write the container's record '%s'", name);
    return 0;
}

static void now_text(char out[40])
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t length = strftime(out, 40, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out + length, 40 - length, ".%09ldZ", now.tv_nsec);
}

static char *rootfs_path(const struct spec *spec, const struct runtime_params *params, struct rt_error *err)
{
    if (!spec->root_path) return rt_strdup("", err);
    if (spec->root_path[0] == '/' || !params->bundle) return rt_strdup(spec->root_path, err);
    return rt_printf(err, "%s/%s", params->bundle, spec->root_path);
}

int state_write(const struct spec *spec, const struct runtime_params *params, pid_t pid, const struct cgroup *cgroup, struct rt_error *err)
{
    char created[40], owner[16], start[24];
    uint64_t ticks = 0;
    bool zombie;
    auto_close int directory = open(params->state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_free char *rootfs = rootfs_path(spec, params, err);
    if (!rootfs) return -1;
    if (directory < 0) return rt_fail_at(err, params->state_dir, "NATIVE_FAILED", errno, "open", "cannot open '%s'", params->state_dir);
    now_text(created);
    process_start_time(pid, &ticks, &zombie);
    snprintf(owner, sizeof owner, "%u", geteuid());
    snprintf(start, sizeof start, "%llu", (unsigned long long)ticks);
    auto_json json_t *document = json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:o}", "ociVersion", STATE_OCI_VERSION, "id", params->id, "pid", pid, "pidStart", start, "bundle",
                                           params->bundle ? params->bundle : "/", "rootfs", rootfs, "created", created, "owner", owner, "cgroup", cgroup_paths(cgroup));
    if (document && params->external) json_object_set_new(document, "external", json_pack("{s:s, s:s}", "path", params->external->path, "root", params->external->root));
    auto_free char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
    auto_free char *config = json_dumps(spec->document, JSON_COMPACT);
    if (!text || !config) return rt_nomem(err);
    return write_file(directory, "config.json", config, err) || write_file(directory, "state.json", text, err) ? -1 : 0;
}

static int parse_state(struct state *state, struct rt_error *err)
{
    const json_t *document = state->document;
    const char *start;
    int64_t pid;
    json_t *cgroup, *external = NULL;
    if (json_opt_obj(document, "external", &external, err)) return -1;
    if (external && (json_req_str(external, "path", &state->external.path, err) || json_req_str(external, "root", &state->external.root, err))) return -1;
    if (json_req_str(document, "id", &state->id, err) || json_req_str(document, "bundle", &state->bundle, err) || json_req_str(document, "rootfs", &state->rootfs, err) ||
        json_req_str(document, "created", &state->created, err) || json_req_str(document, "owner", &state->owner, err) || json_req_i64(document, "pid", 1, INT32_MAX, &pid, err) ||
        json_req_str(document, "pidStart", &start, err) || json_req_arr(document, "cgroup", &cgroup, err))
        return -1;
    if (!parse_u64(start, UINT64_MAX, &state->pid_start)) return rt_fail(err, "NATIVE_FAILED", 0, NULL, "member 'pidStart' is not a number");
    state->pid = (pid_t)pid;
    state->cgroup = cgroup;
    return 0;
}

int state_read(int directory, struct state *out, struct rt_error *err)
{
    auto_buf struct buf text = {0};
    *out = (struct state){0};
    auto_close int fd = openat(directory, "state.json", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return rt_fail_at(err, "state.json", "NATIVE_FAILED", errno, "openat", "cannot open the container's record");
    if (read_fd(fd, STATE_LIMIT, &text, "NATIVE_FAILED", "state.json", err) || buf_str(&text, "", err)) return -1;
    out->document = json_parse(text.data, text.size, "NATIVE_FAILED", "the container's record", err);
    if (out->document && parse_state(out, err) == 0) return 0;
    state_free(out);
    return rt_wrap(err, "cannot read the container's record");
}

void state_free(struct state *state)
{
    json_decref(state->document);
    *state = (struct state){0};
}

void state_remove(const char *path)
{
    static const char *const FILES[] = {"state.json", "config.json", "start.sock", "notify/notify", ".state.json.new", ".config.json.new"};
    auto_close int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return;
    for (size_t i = 0; i < ARRAY_LEN(FILES); i++) unlinkat(directory, FILES[i], 0);
    unlinkat(directory, "notify", AT_REMOVEDIR);
}

bool process_start_time(pid_t pid, uint64_t *ticks, bool *zombie)
{
    char path[40], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read_all(fd, text, sizeof text - 1);
    if (size <= 0) return false;
    text[size] = 0;
    /* proc(5): the name in brackets may hold anything; field 3 follows the last one, field 22 is the start time. */
    char *field = strrchr(text, ')');
    if (!field || field[1] != ' ') return false;
    field += 2;
    *zombie = *field == 'Z' || *field == 'X';
    for (int i = 3; i < 22 && field; i++) field = strchr(field, ' ') ? strchr(field, ' ') + 1 : NULL;
    if (!field) return false;
    field[strcspn(field, " ")] = 0;
    return parse_u64(field, UINT64_MAX, ticks);
}

int state_pidfd(const struct state *state)
{
    uint64_t ticks;
    bool zombie;
    auto_close int fd = (int)syscall(SYS_pidfd_open, state->pid, 0);
    if (fd < 0 || !process_start_time(state->pid, &ticks, &zombie) || ticks != state->pid_start || zombie) return -1;
    return take_fd(&fd);
}

const char *state_status(int directory, const struct state *state)
{
    struct rt_error ignored;
    struct cgroup *cgroup = NULL;
    auto_close int pidfd = state_pidfd(state);
    if (pidfd < 0) return "stopped";
    bool frozen = cgroup_open(state->cgroup, &cgroup, &ignored) == 0 && cgroup_frozen(cgroup);
    cgroup_free(cgroup);
    if (frozen) return "paused";
    return faccessat(directory, "start.sock", F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? "created" : "running";
}

int state_pid_file(const char *path, pid_t pid, struct rt_error *err)
{
    char text[16];
    auto_free char *temporary = rt_printf(err, "%s.new", path);
    if (!temporary) return -1;
    snprintf(text, sizeof text, "%d", pid);
    auto_close int fd = open(temporary, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
    if (fd < 0 || write_all(fd, text, strlen(text)) || rename(temporary, path)) return rt_fail_at(err, path, "NATIVE_FAILED", errno, "write", "cannot write the pid file '%s'", path);
    return 0;
}

/* A socket's path is limited to 108 bytes, a descriptor's name in /proc is not longer than that. */
static void socket_address(int directory, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/start.sock", directory);
}

int state_listen(const char *path, struct rt_error *err)
{
    struct sockaddr_un address;
    auto_close int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_close int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (directory < 0 || sock < 0) return rt_fail_at(err, path, "NATIVE_FAILED", errno, "socket", "cannot make the start socket");
    socket_address(directory, &address);
    if (bind(sock, (struct sockaddr *)&address, sizeof address) || listen(sock, 1)) return rt_fail_at(err, path, "NATIVE_FAILED", errno, "bind", "cannot make the start socket");
    return take_fd(&sock);
}

int state_connect(int directory, struct rt_error *err)
{
    struct sockaddr_un address;
    auto_close int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    socket_address(directory, &address);
    if (sock < 0 || connect(sock, (struct sockaddr *)&address, sizeof address)) return rt_fail(err, "NATIVE_FAILED", errno, "connect", "cannot start the container: its first process does not wait for it");
    return take_fd(&sock);
}

static json_t *state_object(const struct spec *spec, const char *id, const char *status, pid_t pid, const char *bundle)
{
    json_t *annotations = json_object();
    for (size_t i = 0; i < spec->annotations.count; i++) json_object_set_new(annotations, spec->annotations.items[i].key, json_string(spec->annotations.items[i].value));
    return json_pack("{s:s, s:s, s:s, s:i, s:s, s:o}", "ociVersion", STATE_OCI_VERSION, "id", id, "status", status, "pid", pid, "bundle", bundle ? bundle : "/", "annotations", annotations);
}

char *state_json(const struct spec *spec, const char *id, const char *status, pid_t pid, const char *bundle, struct rt_error *err)
{
    auto_json json_t *state = state_object(spec, id, status, pid, bundle);
    char *text = state ? json_dumps(state, JSON_COMPACT) : NULL;
    if (!text) rt_nomem(err);
    return text;
}

int state_send_listener(const struct spec *spec, const char *id, pid_t pid, const char *bundle, int listener, struct rt_error *err)
{
    const struct spec_seccomp *seccomp = spec->linux.seccomp;
    /* This structure has a version of its own: runtime-spec, config-linux.md. */
    auto_json json_t *document = json_pack("{s:s, s:[s], s:i, s:s, s:o}", "ociVersion", "0.2.0", "fds", "seccompFd", "pid", pid, "metadata", seccomp->listener_metadata ? seccomp->listener_metadata : "",
                                           "state", state_object(spec, id, "creating", pid, bundle));
    auto_free char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
    if (!text) return rt_nomem(err);
    return send_fd(seccomp->listener_path, listener, text, strlen(text), "seccomp agent", err);
}
