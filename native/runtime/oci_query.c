#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/util.h"
#include "data/users.h"
#include "runtime/cgroup.h"
#include "runtime/oci.h"
#include "runtime/state.h"

/* The verbs that only look: state, list, ps. */

static int print(json_t *value, size_t flags, struct rt_error *err)
{
    auto_json json_t *owned = value;
    auto_free char *text = owned ? json_dumps(owned, flags) : NULL;
    if (!text) return rt_nomem(err);
    return puts(text) < 0 || fflush(stdout) ? rt_fail(err, "NATIVE_FAILED", errno, "write", "cannot write the answer") : 0;
}

static json_t *describe(const struct container *container, int directory, const char *status)
{
    const struct state *state = runtime_state(container);
    const struct spec *spec = runtime_spec(container);
    (void)directory;
    json_t *object = json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s}", "ociVersion", STATE_OCI_VERSION, "id", state->id, "pid", strcmp(status, "stopped") == 0 ? 0 : state->pid, "status", status, "bundle",
                               state->bundle, "rootfs", state->rootfs, "created", state->created, "owner", state->owner);
    const json_t *annotations = json_object_get(spec->document, "annotations");
    if (object && json_object_size(annotations)) json_object_set(object, "annotations", (json_t *)annotations);
    return object;
}

int oci_state(struct oci *oci, int argc, char **argv, struct rt_error *err)
{
    struct container *container;
    auto_free char *path = NULL;
    auto_close int directory = -1;
    const struct oci_flag none[] = {{NULL, 0, FLAG_BOOL, NULL}};
    if (oci_flags(none, false, &argc, argv, err) || oci_count(oci, "state", argc, 1, 1, err) || oci_open(oci, argv[0], &container, &path, &directory, err)) return -1;
    int result = print(describe(container, directory, oci_status(container, directory)), JSON_INDENT(2), err);
    runtime_close(container);
    return result;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int oci_names(const struct oci *oci, char ***names, size_t *count, struct rt_error *err)
{
    auto_dir DIR *root = opendir(oci->root);
    if (!root && errno == ENOENT && !oci->root_given) return 0;
    if (!root) return rt_fail_at(err, oci->root, "NATIVE_FAILED", errno, "opendir", "cannot read the root '%s'", oci->root);
    for (struct dirent *entry; (entry = readdir(root));) {
        if (entry->d_name[0] == '.' || (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)) continue;
        char **grown = reallocarray(*names, *count + 1, sizeof *grown);
        if (!grown) return rt_nomem(err);
        *names = grown;
        if (!(grown[*count] = rt_strdup(entry->d_name, err))) return -1;
        ++*count;
    }
    if (*count) qsort(*names, *count, sizeof **names, by_name);
    return 0;
}

static void print_row(const json_t *item, const struct users *users)
{
    struct rt_error ignored;
    uint32_t uid = 0;
    const char *owner = json_string_value(json_object_get(item, "owner"));
    auto_free char *name = users_parse_id(owner, &uid) ? users_name_of(users, uid, &ignored) : NULL;
    printf("%-12s   %-9d   %-10s   %s   %s   %s%s\n", json_string_value(json_object_get(item, "id")), (int)json_integer_value(json_object_get(item, "pid")), json_string_value(json_object_get(item, "status")),
           json_string_value(json_object_get(item, "bundle")), json_string_value(json_object_get(item, "created")), name ? "" : "#", name ? name : owner);
}

static int print_list(const json_t *list, struct rt_error *err)
{
    auto_users struct users users = {0};
    auto_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (users_read(root, &users, err)) return -1;
    printf("%-12s   %-9s   %-10s   BUNDLE   CREATED   OWNER\n", "ID", "PID", "STATUS");
    for (size_t i = 0; i < json_array_size(list); i++) print_row(json_array_get(list, i), &users);
    return 0;
}

void oci_names_free(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) free(names[i]);
    free(names);
}

static int collect(const struct oci *oci, json_t *list, struct rt_error *err)
{
    char **names = NULL;
    size_t count = 0;
    int result = oci_names(oci, &names, &count, err);
    for (size_t i = 0; !result && i < count; i++) {
        struct container *container;
        auto_free char *path = NULL;
        auto_close int directory = -1;
        struct rt_error ignored;
        if (oci_open(oci, names[i], &container, &path, &directory, &ignored)) continue;
        json_array_append_new(list, describe(container, directory, oci_status(container, directory)));
        runtime_close(container);
    }
    oci_names_free(names, count);
    return result;
}

int oci_list(struct oci *oci, int argc, char **argv, struct rt_error *err)
{
    const char *format = "table";
    bool quiet = false;
    size_t i;
    json_t *item;
    const struct oci_flag flags[] = {{"format", 'f', FLAG_TEXT, &format}, {"quiet", 'q', FLAG_BOOL, &quiet}, {NULL, 0, FLAG_BOOL, NULL}};
    auto_json json_t *list = json_array();
    if (oci_flags(flags, false, &argc, argv, err) || oci_count(oci, "list", argc, 0, 0, err) || collect(oci, list, err)) return -1;
    if (quiet) json_array_foreach(list, i, item) puts(json_string_value(json_object_get(item, "id")));
    else if (strcmp(format, "json") == 0) return json_array_size(list) ? print(json_incref(list), JSON_COMPACT, err) : puts("null") < 0;
    else if (strcmp(format, "table") != 0) return rt_fail(err, "USAGE", 0, NULL, "invalid format option");
    else return print_list(list, err);
    return 0;
}

static bool has_pid(const pid_t *pids, size_t count, long pid)
{
    for (size_t i = 0; i < count; i++)
        if (pids[i] == pid) return true;
    return false;
}

/* The lines of ps(1) whose PID column is one of ours. The arguments are quoted for the shell by never reaching one. */
static int print_table(char **arguments, int argc, const pid_t *pids, size_t count, struct rt_error *err)
{
    int pipe_fds[2];
    char *fallback[] = {"ps", "-ef", NULL};
    auto_free char **command = calloc((size_t)argc + 2, sizeof *command);
    if (!command || pipe2(pipe_fds, O_CLOEXEC)) return rt_nomem(err);
    command[0] = "ps";
    for (int i = 0; i < argc; i++) command[i + 1] = arguments[i];
    pid_t child = fork();
    if (child == 0) {
        dup2(pipe_fds[1], STDOUT_FILENO);
        execvp("ps", argc ? command : fallback);
        _exit(127);
    }
    close(pipe_fds[1]);
    auto_file FILE *lines = fdopen(pipe_fds[0], "r");
    auto_free char *line = NULL;
    size_t capacity = 0;
    int column = -1;
    for (bool first = true; lines && getline(&line, &capacity, lines) > 0; first = false) {
        auto_free char *copy = rt_strdup(line, err);
        char *rest = copy;
        int at = 0;
        if (!copy) return -1;
        for (char *word; (word = strsep(&rest, " \t\n"));) {
            if (!*word) continue;
            if (first && strcmp(word, "PID") == 0) column = at;
            if (!first && at == column && has_pid(pids, count, strtol(word, NULL, 10))) fputs(line, stdout);
            at++;
        }
        if (first) fputs(line, stdout);
    }
    return column < 0 ? rt_fail(err, "NATIVE_FAILED", 0, NULL, "couldn't find PID field in ps output") : 0;
}

int oci_ps(struct oci *oci, int argc, char **argv, struct rt_error *err)
{
    const char *format = "table";
    struct container *container;
    auto_free char *path = NULL;
    auto_close int directory = -1;
    auto_free pid_t *pids = NULL;
    size_t count = 0;
    const struct oci_flag flags[] = {{"format", 'f', FLAG_TEXT, &format}, {NULL, 0, FLAG_BOOL, NULL}};
    if (oci_flags(flags, true, &argc, argv, err) || oci_count(oci, "ps", argc, 1, 4096, err) || oci_open(oci, argv[0], &container, &path, &directory, err)) return -1;
    const struct cgroup *cgroup = runtime_cgroup(container);
    int result = cgroup ? cgroup_processes(cgroup, &pids, &count, err) : 0;
    runtime_close(container);
    if (result) return -1;
    if (strcmp(format, "table") == 0) return print_table(argv + 1, argc - 1, pids, count, err);
    if (strcmp(format, "json") != 0) return rt_fail(err, "USAGE", 0, NULL, "invalid format option");
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) json_array_append_new(list, json_integer(pids[i]));
    return print(list, JSON_COMPACT, err);
}
