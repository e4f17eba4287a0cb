#include "runtime/oci.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/path.h"
#include "base/self.h"
#include "base/util.h"
#include "runtime/state.h"
#include "verbs.h"

static const struct {
    const char *name;
    oci_verb *run;
    bool container; /* enters a container: from a protected copy of the core only */
    int failure;    /* exit status of an error */
    const char *arguments, *options, *does;
} VERBS[] = {
    {"create", oci_create, true, 1, "CONTAINER", "--bundle DIR, --config FILE, --console-socket PATH, --pid-file PATH, --pidfd-socket PATH, --preserve-fds N, --no-pivot, --no-new-keyring", "create a container that waits for its start"},
    {"run", oci_run, true, 1, "CONTAINER", "--detach, --keep, --no-subreaper, and those of create", "create and start a container"},
    {"start", oci_start, false, 1, "CONTAINER", "", "run the process of a created container"},
    {"exec", oci_exec, true, 255, "CONTAINER cmd [ARG…]", "--process FILE, --cwd DIR, --env NAME=VALUE, --user UID[:GID], --additional-gids GID, --cap CAP, --tty, --console-socket PATH, --detach, --pid-file PATH, --pidfd-socket PATH, --apparmor PROFILE, --process-label LABEL, --no-new-privs, --preserve-fds N, --cgroup [CONTROLLER:]PATH, --ignore-paused", "run a further process in a container"},
    {"state", oci_state, false, 1, "CONTAINER", "", "print the state of a container"},
    {"kill", oci_kill, false, 1, "CONTAINER [SIGNAL]", "--all", "send a signal to the first process of a container"},
    {"delete", oci_delete, false, 1, "CONTAINER", "--force, --regex (CONTAINER is an extended regular expression)", "remove what a container holds"},
    {"list", oci_list, false, 1, "", "--format table|json, --quiet", "print the containers below --root"},
    {"ps", oci_ps, false, 1, "CONTAINER [PS OPTIONS]", "--format table|json", "print the processes of a container"},
    {"pause", oci_pause, false, 1, "CONTAINER", "", "stop all processes of a container"},
    {"resume", oci_resume, false, 1, "CONTAINER", "", "let them go on"},
    {"update", oci_update, false, 1, "CONTAINER", "--resources FILE, --memory BYTES, --memory-swap BYTES, --memory-reservation BYTES, --cpu-share N, --cpu-quota N, --cpu-period N, --cpuset-cpus LIST, --cpuset-mems LIST, --pids-limit N, --blkio-weight N", "change the limits of a container"},
    {"events", oci_events, false, 1, "CONTAINER", "--stats, --interval DURATION", "print figures and out-of-memory events"},
    {"features", oci_features, false, 1, "", "", "print what this runtime can do, as JSON"},
    {"spec", oci_spec, false, 1, "", "--bundle DIR, --rootless", "write a config.json to start from"},
};

static void now_text(char out[32])
{
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

void oci_log(const struct oci *oci, const char *level, const char *text)
{
    char now[32];
    now_text(now);
    auto_json json_t *line = json_pack("{s:s, s:o, s:s}", "level", level, "msg", json_from_path(text), "time", now);
    auto_free char *json = line ? json_dumps(line, JSON_COMPACT) : NULL;
    auto_json json_t *quoted = json_from_path(text);
    auto_free char *message = quoted ? json_dumps(quoted, JSON_ENCODE_ANY) : NULL;
    if (!json || !message) return;
    int to = oci->log_fd >= 0 ? oci->log_fd : STDERR_FILENO;
    if (oci->log_json) dprintf(to, "%s\n", json);
    else dprintf(to, "time=\"%s\" level=%s msg=%s\n", now, level, message);
    if (oci->log_fd >= 0 && strcmp(level, "error") == 0) dprintf(STDERR_FILENO, "%s\n", text);
}

void oci_warn(void *context, const char *text)
{
    oci_log(context, "warning", text);
}

void oci_debug(void *context, const char *text)
{
    oci_log(context, "debug", text);
}

char *oci_absolute(const char *path, struct rt_error *err)
{
    char here[PATH_MAX];
    if (path[0] == '/') return rt_strdup(path, err);
    if (!getcwd(here, sizeof here)) return rt_fail(err, "NATIVE_FAILED", errno, "getcwd", "cannot find the current directory"), NULL;
    return rt_printf(err, "%s/%s", here, path);
}

static int check_id(const char *id, struct rt_error *err)
{
    /* A leading dot is not for containers: hidden directories below --root are the runtime's. */
    if (is_file_name(id) && id[0] != '.' && id[strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.")] == 0) return 0;
    return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, *id ? "invalid container ID format: invalid character in container ID '%s'" : "container id cannot be empty%s", id);
}

static int make_root(const struct oci *oci, struct rt_error *err)
{
    auto_free char *path = rt_strdup(oci->root, err);
    if (!path) return -1;
    for (char *slash = path; (slash = strchr(slash + 1, '/'));) {
        *slash = 0;
        if (mkdir(path, 0755) && errno != EEXIST) break;
        *slash = '/';
    }
    if (mkdir(path, 0700) && errno != EEXIST) return rt_fail_at(err, oci->root, "NATIVE_FAILED", errno, "mkdir", "cannot make the root directory '%s'", oci->root);
    return 0;
}

int oci_directory(const struct oci *oci, const char *id, bool make, char **path, int *fd, struct rt_error *err)
{
    auto_free char *own = rt_printf(err, "%s/%s", oci->root, id);
    if (!own || check_id(id, err) || (make && make_root(oci, err))) return -1;
    if (make && mkdir(own, 0700))
        return errno == EEXIST ? rt_fail_at(err, own, "CONTAINER_EXISTS", 0, NULL, "container with given ID already exists: '%s'", id)
                               : rt_fail_at(err, own, "NATIVE_FAILED", errno, "mkdir", "cannot make the directory '%s'", own);
    *fd = open(own, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*fd < 0) return rt_fail_at(err, own, "CONTAINER_NOT_FOUND", 0, NULL, "container does not exist: '%s'", id);
    *path = take_ptr(&own);
    return 0;
}

int oci_open(const struct oci *oci, const char *id, struct container **out, char **path, int *fd, struct rt_error *err)
{
    auto_close int directory = -1;
    auto_free char *own = NULL;
    if (oci_directory(oci, id, false, &own, &directory, err)) return -1;
    if (faccessat(directory, "state.json", F_OK, AT_SYMLINK_NOFOLLOW)) return rt_fail_at(err, own, "CONTAINER_NOT_FOUND", 0, NULL, "container does not exist: '%s'", id);
    const struct runtime_params params = {.id = id, .state_dir = own, .rootfs = -1, .seccomp_cache = -1, .warn = oci_warn, .warn_context = (void *)oci};
    if (runtime_open(directory, &params, out, err)) return -1;
    *fd = take_fd(&directory);
    *path = take_ptr(&own);
    return 0;
}

const char *oci_status(const struct container *container, int directory)
{
    return state_status(directory, runtime_state(container));
}

int oci_want_running(const struct container *container, int directory, struct rt_error *err)
{
    if (strcmp(oci_status(container, directory), "stopped") != 0) return 0;
    return rt_fail(err, "CONTAINER_STOPPED", 0, NULL, "container not running");
}

int oci_signal(const char *text)
{
    int64_t number;
    if (parse_i64(text, 0, SIGRTMAX, &number)) return (int)number;
    if (strncasecmp(text, "SIG", 3) == 0) text += 3;
    if (strncasecmp(text, "RTMIN", 5) == 0) {
        if (!text[5]) return SIGRTMIN;
        return text[5] == '+' && parse_i64(text + 6, 0, SIGRTMAX - SIGRTMIN, &number) ? SIGRTMIN + (int)number : -1;
    }
    if (strncasecmp(text, "RTMAX", 5) == 0) {
        if (!text[5]) return SIGRTMAX;
        return text[5] == '-' && parse_i64(text + 6, 0, SIGRTMAX - SIGRTMIN, &number) ? SIGRTMAX - (int)number : -1;
    }
    if (strcasecmp(text, "CLD") == 0) return SIGCHLD;
    if (strcasecmp(text, "POLL") == 0) return SIGIO;
    if (strcasecmp(text, "IOT") == 0) return SIGABRT;
    for (int signo = 1; signo < SIGRTMIN; signo++) {
        const char *name = sigabbrev_np(signo);
        if (name && strcasecmp(name, text) == 0) return signo;
    }
    return -1;
}

static char *default_root(struct rt_error *err)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (geteuid() != 0 && runtime && *runtime) return rt_printf(err, "%s/tsbuild/oci", runtime);
    return rt_strdup("/run/tsbuild/oci", err);
}

/* The first lines as runc has them, the line of usage as crun. */
static int usage(const struct oci *oci, FILE *to)
{
    fprintf(to, "NAME:\n   %s - Open Container Initiative runtime\n\nUsage: %s [OPTION...] COMMAND [OPTION...] [ARGUMENT...]\n\noptions: --root DIR, --log FILE, --log-format text|json, --systemd-cgroup, --cgroup-manager cgroupfs|systemd|disabled, --debug\n\ncommands:",
            oci->program, oci->program);
    for (size_t i = 0; i < ARRAY_LEN(VERBS); i++) fprintf(to, "\n   %-10s %s", VERBS[i].name, VERBS[i].does);
    fprintf(to, "\n   %-10s %s\n", "plan", "carry out one plan (docs/native-core.md)");
    return to == stdout ? 0 : 1;
}

static int open_log(struct oci *oci, struct rt_error *err)
{
    if (!oci->log || !*oci->log) return 0;
    oci->log_fd = open(oci->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    return oci->log_fd < 0 ? rt_fail_at(err, oci->log, "NATIVE_FAILED", errno, "open", "cannot open the log '%s'", oci->log) : 0;
}

/* runc has a flag for systemd, crun a manager by name. */
static int set_cgroup_driver(struct oci *oci, const char *manager, struct rt_error *err)
{
    static const struct {
        const char *name;
        enum cgroup_driver driver;
    } MANAGERS[] = {{"cgroupfs", CGROUP_CGROUPFS}, {"systemd", CGROUP_SYSTEMD}, {"disabled", CGROUP_NONE}};
    for (size_t i = 0; i < ARRAY_LEN(MANAGERS); i++)
        if (strcmp(MANAGERS[i].name, manager) == 0) {
            oci->cgroup = MANAGERS[i].driver;
            return 0;
        }
    return rt_fail(err, "USAGE", 0, NULL, "invalid cgroup-manager: %s", manager);
}

static int verb_help(const struct oci *oci, size_t verb)
{
    printf("NAME:\n   %s %s - %s\n\nUsage: %s [OPTION...] %s %s\n", oci->program, VERBS[verb].name, VERBS[verb].does, oci->program, VERBS[verb].name, VERBS[verb].arguments);
    if (*VERBS[verb].options) printf("\noptions: %s\n", VERBS[verb].options);
    return 0;
}

static bool wants_help(int argc, char **argv)
{
    return argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
}

static int dispatch(struct oci *oci, int argc, char **argv, int *failure, struct rt_error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(VERBS); i++) {
        if (strcmp(VERBS[i].name, argv[0]) != 0) continue;
        *failure = VERBS[i].failure;
        if (wants_help(argc, argv)) return verb_help(oci, i);
        if (VERBS[i].container && !self_is_protected()) return self_protect(oci->argv, err);
        return VERBS[i].run(oci, argc - 1, argv + 1, err);
    }
    if (strcmp(argv[0], "checkpoint") == 0 || strcmp(argv[0], "restore") == 0) {
        if (wants_help(argc, argv)) return printf("NAME:\n   %s %s - not supported: this runtime works without CRIU\n", oci->program, argv[0]) < 0;
        return rt_fail(err, "FEATURE_MISSING", 0, NULL, "%s is not supported: this runtime works without CRIU", argv[0]);
    }
    return rt_fail(err, "USAGE", 0, NULL, "No help topic for '%s'", argv[0]);
}

static int run(struct oci *oci, int argc, char **argv, int *failure, struct rt_error *err)
{
    const char *format = "text", *rootless = NULL, *root = NULL, *manager = "cgroupfs";
    bool help = false, version = false, systemd = false;
    const struct oci_flag flags[] = {
        {"root", 0, FLAG_TEXT, &root},       {"log", 0, FLAG_TEXT, &oci->log},     {"log-format", 0, FLAG_TEXT, &format}, {"systemd-cgroup", 0, FLAG_BOOL, &systemd}, {"cgroup-manager", 0, FLAG_TEXT, &manager},
        {"debug", 0, FLAG_BOOL, &oci->debug}, {"rootless", 0, FLAG_TEXT, &rootless}, {"help", 'h', FLAG_BOOL, &help},      {"version", 'v', FLAG_BOOL, &version},
        {NULL, 0, FLAG_BOOL, NULL},
    };
    argc--;
    argv++;
    if (oci_flags(flags, true, &argc, argv, err)) return -1;
    if (version) return printf("%s version %s\ncommit: %s\nspec: %s\n+SYSTEMD +SELINUX +APPARMOR +CAP +SECCOMP +EBPF\n", oci->program, VERSION, COMMIT, STATE_OCI_VERSION) < 0;
    if (help || argc == 0) return usage(oci, help ? stdout : stderr);
    if (set_cgroup_driver(oci, systemd ? "systemd" : manager, err)) return -1;
    oci->root_given = root != NULL;
    auto_free char *absolute = root ? oci_absolute(root, err) : default_root(err);
    if (!absolute || open_log(oci, err)) return -1;
    if (strcmp(format, "text") != 0 && strcmp(format, "json") != 0) return rt_fail(err, "USAGE", 0, NULL, "invalid log-format: %s", format);
    oci->log_json = strcmp(format, "json") == 0;
    if (root && absolute[strspn(absolute, "/.")] == 0) return rt_fail(err, "USAGE", 0, NULL, "Option --root argument should not be set to /");
    oci->root = absolute;
    return dispatch(oci, argc, argv, failure, err);
}

int oci_main(int argc, char **argv)
{
    struct rt_error err = {0};
    char **own = malloc(((size_t)argc + 1) * sizeof *own);
    if (!own) return 1;
    /* The flags are taken out of their array; the second start wants them all. */
    memcpy(own, argv, ((size_t)argc + 1) * sizeof *own);
    struct oci oci = {.program = basename(argv[0]), .log_fd = -1, .argv = own};
    int failure = 1, status = run(&oci, argc, argv, &failure, &err);
    if (status < 0) {
        oci_log(&oci, "error", err.message);
        status = failure;
    }
    util_close(&oci.log_fd);
    free(own);
    return status;
}
