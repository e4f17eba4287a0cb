#pragma once
#include <stdbool.h>

#include "base/error.h"
#include "runtime/container.h"

/*
 * The OCI runtime command line, with runc's flags, files, texts and exit codes. A verb gets its arguments behind its name and returns the exit status, or -1 with an error, which
 * is logged and ends the program with 1 (exec: 255).
 */
struct oci {
    const char *program, *root, *log;
    bool log_json, debug;
    enum cgroup_driver cgroup;
    bool root_given;
    int log_fd;  /* -1: only standard error */
    char **argv; /* of the process, to start it again from a protected place */
};

typedef int oci_verb(struct oci *oci, int argc, char **argv, struct rt_error *err);
oci_verb oci_create, oci_run, oci_start, oci_state, oci_kill, oci_delete, oci_exec, oci_list, oci_ps, oci_pause, oci_resume, oci_update, oci_events, oci_features, oci_spec;

/* Flags */

enum oci_flag_kind { FLAG_BOOL, FLAG_TEXT, FLAG_NUMBER, FLAG_LIST };

struct oci_flag {
    const char *name; /* without dashes */
    char letter;      /* 0: none */
    enum oci_flag_kind kind;
    void *out; /* bool *, const char **, int64_t *, struct spec_strings * (items allocated with malloc) */
};

/*
 * Takes the flags out of argv (-f, --flag, --flag=value, --flag value) and leaves the other arguments in front, NULL-terminated: *argc is their number. `stop`: the first
 * argument that is none ends the flags, as for verbs that take a command. Table ends with a NULL name. Code USAGE.
 */
int oci_flags(const struct oci_flag *flags, bool stop, int *argc, char **argv, struct rt_error *err);
/* Between min and max arguments are left. */
int oci_count(const struct oci *oci, const char *verb, int argc, int min, int max, struct rt_error *err);

/* Messages go to standard error and to the log file, there as logrus writes them, which containerd and conmon parse. */
void oci_log(const struct oci *oci, const char *level, const char *text);
/* For runtime_params.warn; context is the struct oci. */
/* Told what is done, in the words of runc, for --debug. */
void oci_debug(void *context, const char *text);
void oci_warn(void *context, const char *text);

/* The container's directory below --root; makes it (EEXIST: "container with given ID already exists") or opens it ("container does not exist"). */
int oci_directory(const struct oci *oci, const char *id, bool make, char **path, int *fd, struct rt_error *err);
/* Both at once for verbs on a container; close with runtime_close. `path` belongs to the caller. */
int oci_open(const struct oci *oci, const char *id, struct container **out, char **path, int *fd, struct rt_error *err);
const char *oci_status(const struct container *container, int directory);
/* Fails with runc's words unless the container is in this state. */
int oci_want_running(const struct container *container, int directory, struct rt_error *err);

/* The ids below --root, sorted; free with oci_names_free, even after an error. A root that was not asked for need not exist. */
int oci_names(const struct oci *oci, char ***names, size_t *count, struct rt_error *err);
void oci_names_free(char **names, size_t count);

/* Number of "9", "KILL", "SIGKILL", "RTMIN+3"; -1 unknown. */
int oci_signal(const char *text);

/* Puts a descriptor or path inside the root of the process that asks: the absolute form of `path`. Fresh memory. */
char *oci_absolute(const char *path, struct rt_error *err);
