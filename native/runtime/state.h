#pragma once
#include <jansson.h>
#include <sys/types.h>

#include "base/error.h"
#include "runtime/cgroup.h"
#include "runtime/container.h"
#include "runtime/spec.h"

/*
 * The record of a container in its own directory, from which other processes find it again:
 *
 *     state.json    what `struct state` holds
 *     config.json   the config as it was at create; later changes in the bundle do not matter
 *     start.sock    the init process waits there for the start
 *     notify/       the container's side of NOTIFY_SOCKET, see notify.h
 */
#define STATE_OCI_VERSION "1.2.1"

struct state {
    json_t *document;
    const char *id, *bundle, *rootfs, *created, *owner;
    pid_t pid;
    uint64_t pid_start; /* start time in clock ticks since boot: a pid that was given to another process has another */
    const json_t *cgroup;
    struct runtime_external external; /* path NULL: built in */
};

int state_write(const struct spec *spec, const struct runtime_params *params, pid_t pid, const struct cgroup *cgroup, struct rt_error *err);
int state_read(int directory, struct state *out, struct rt_error *err);
void state_free(struct state *state);
#define auto_state __attribute__((cleanup(state_free)))
/* Removes the files of the record; the directory itself is the caller's. */
void state_remove(const char *directory);

/* The start time of a process as /proc/PID/stat has it and whether it is a zombie; false when there is none. */
bool process_start_time(pid_t pid, uint64_t *ticks, bool *zombie);
/* A pidfd of the init process, -1 when it has ended. */
int state_pidfd(const struct state *state);
/* "created", "running", "paused" or "stopped". */
const char *state_status(int directory, const struct state *state);

int state_pid_file(const char *path, pid_t pid, struct rt_error *err);

/* The socket on which init waits for the start, and the other side of it. */
int state_listen(const char *directory, struct rt_error *err);
int state_connect(int directory, struct rt_error *err);

/* The state of the runtime specification ("ociVersion", "id", "status", "pid", "bundle", "annotations") as hooks get it on stdin. Fresh memory. */
char *state_json(const struct spec *spec, const char *id, const char *status, pid_t pid, const char *bundle, struct rt_error *err);

/* Hands the seccomp listener with the container process state to the supervisor's socket (runtime-spec, "The Container Process State"). */
int state_send_listener(const struct spec *spec, const char *id, pid_t pid, const char *bundle, int listener, struct rt_error *err);
