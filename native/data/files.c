#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "base/path.h"
#include "base/plan.h"
#include "base/userns.h"
#include "base/util.h"
#include "data/commit.h"
#include "data/copy-entry.h"
#include "data/descriptor-limit.h"
#include "data/layer-same.h"
#include "data/merged.h"
#include "verbs.h"

/* One action of the plan. For `write` and `file`, `copy` has the destination, the owner and the mode. */
struct action {
    enum { ACTION_MKDIR, ACTION_COPY, ACTION_WRITE, ACTION_FILE } op;
    struct copy_action copy;
    mode_t mode;
    char *path; /* mkdir: what; file: the source */
    char *name;
    char *data;
    size_t size;
    struct timespec mtime;
};

struct files_plan {
    struct tree target;
    struct action *actions;
    size_t count;
    struct commit_options commit;
};

static void files_plan_free(struct files_plan *what)
{
    for (size_t i = 0; i < what->count; i++) {
        copy_free(&what->actions[i].copy);
        free(what->actions[i].path);
        free(what->actions[i].name);
        free(what->actions[i].data);
    }
    free(what->actions);
    commit_free(&what->commit);
    tree_free(&what->target);
}

/* ── parsing ── */

static int parse_mode(const json_t *value, struct action *out, struct rt_error *err)
{
    int64_t mode;
    if (json_req_i64(value, "mode", 0, 07777, &mode, err) < 0) return -1;
    out->mode = (mode_t)mode;
    return owner_parse(value, "owner", &out->copy.owner, err);
}

static int parse_mkdir(const json_t *value, struct action *out, struct rt_error *err)
{
    if (json_allow(value, err, "op", "path", "mode", "owner", NULL) < 0 || json_req_bytes(value, "path", &out->path, NULL, err) < 0) return -1;
    return parse_mode(value, out, err);
}

/* What `write` and `file` have in common. Without a time the file is of now. */
static int parse_loose(const json_t *value, struct action *out, struct rt_error *err)
{
    int64_t mtime = INT64_MIN;
    if (json_req_bytes(value, "name", &out->name, NULL, err) < 0 || json_req_bytes(value, "dest", &out->copy.dest, NULL, err) < 0 ||
        mode_change_parse(value, "chmod", &out->copy.chmod, err) < 0 || json_opt_time(value, "mtime", &mtime, err) < 0)
        return -1;
    if (!is_file_name(out->name)) return rt_fail_at(err, out->name, "PLAN_INVALID", 0, NULL, "'%s' is not a single file name", out->name);
    if (mtime == INT64_MIN) clock_gettime(CLOCK_REALTIME, &out->mtime);
    else {
        int64_t nanoseconds = (mtime % 1000000000 + 1000000000) % 1000000000;
        out->mtime = (struct timespec){ .tv_sec = (time_t)((mtime - nanoseconds) / 1000000000), .tv_nsec = (long)nanoseconds };
    }
    return parse_mode(value, out, err);
}

static int parse_write(const json_t *value, struct action *out, struct rt_error *err)
{
    if (json_allow(value, err, "op", "name", "dest", "mode", "owner", "chmod", "data", "mtime", NULL) < 0 || parse_loose(value, out, err) < 0) return -1;
    return json_req_bytes(value, "data", &out->data, &out->size, err);
}

static int parse_file(const json_t *value, struct action *out, struct rt_error *err)
{
    static const char *const archives[] = { [ARCHIVES_KEEP] = "keep", [ARCHIVES_UNPACK] = "unpack", [ARCHIVES_AUTO] = "auto", NULL };
    int archive = ARCHIVES_KEEP;
    if (json_allow(value, err, "op", "source", "name", "dest", "mode", "mtime", "owner", "chmod", "archives", NULL) < 0 || parse_loose(value, out, err) < 0 ||
        json_req_bytes(value, "source", &out->path, NULL, err) < 0 || json_opt_enum(value, "archives", archives, &archive, err) < 0)
        return -1;
    out->copy.archives = (__typeof__(out->copy.archives))archive;
    return 0;
}

static int parse_action(const json_t *value, struct action *out, struct rt_error *err)
{
    static const char *const ops[] = { [ACTION_MKDIR] = "mkdir", [ACTION_COPY] = "copy", [ACTION_WRITE] = "write", [ACTION_FILE] = "file", NULL };
    int op = 0;
    if (json_req_enum(value, "op", ops, &op, err) < 0) return -1;
    out->op = (__typeof__(out->op))op;
    switch (out->op) {
    case ACTION_MKDIR: return parse_mkdir(value, out, err);
    case ACTION_COPY: return copy_parse(value, &out->copy, err);
    case ACTION_WRITE: return parse_write(value, out, err);
    case ACTION_FILE: return parse_file(value, out, err);
    }
    return -1;
}

static int parse(const struct plan *plan, struct files_plan *out, struct rt_error *err)
{
    json_t *actions;
    if (plan_allow(plan, err, "target", "actions", "commit") < 0 || tree_req(plan->json, "target", &out->target, err) < 0 ||
        commit_parse(plan->json, &out->commit, err) < 0 || json_req_arr(plan->json, "actions", &actions, err) < 0)
        return -1;
    if (out->commit.wanted && !out->target.path && !out->target.upper) return rt_fail(err, "PLAN_INVALID", 0, NULL, "'target' has no upper");
    size_t count = json_array_size(actions);
    out->actions = calloc(count + 1, sizeof *out->actions);
    if (!out->actions) return rt_nomem(err);
    for (size_t i = 0; i < count; i++) {
        json_t *value;
        out->count = i + 1;
        out->actions[i].copy.reuse = (struct reuse)REUSE_NONE;
        if (json_elem_obj(actions, i, "actions", &value, err) < 0 || parse_action(value, &out->actions[i], err) < 0) return rt_wrap(err, "action %zu", i);
    }
    return 0;
}

/* ── doing ── */

static int make_directory(const struct action *action, struct target *target, struct rt_error *err)
{
    struct owner owner = action->copy.owner;
    struct target_dir dir;
    if (target_refresh(target, err) < 0 || owner_resolve(&owner, target->root, err) < 0) return -1;
    const struct target_made made = { .owner = &owner, .mode = action->mode & 0777 };
    if (target_directory(target, action->path, &made, &dir, err) < 0) return -1;
    close(dir.fd);
    return 0;
}

static int put_file(struct action *action, struct target *target, struct rt_error *err)
{
    auto_close int fd = -1;
    if (action->op == ACTION_FILE) {
        fd = open(action->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0) return path_fail(err, errno, "open", action->path, "read");
    }
    const struct loose_file file = { .name = action->name, .fd = fd, .data = action->data, .size = action->size, .mode = action->mode, .mtime = action->mtime };
    struct copier copier;
    int result = copier_open(&copier, &action->copy, target, err) < 0 ? -1 : copier_put(&copier, &file, err);
    copier_close(&copier);
    return result;
}

static int act(struct action *action, struct target *target, struct copy_outcome *outcome, struct rt_error *err)
{
    switch (action->op) {
    case ACTION_MKDIR: return make_directory(action, target, err);
    case ACTION_COPY: return copy_run(&action->copy, target, outcome, err);
    case ACTION_WRITE:
    case ACTION_FILE: return put_file(action, target, err);
    }
    return -1;
}

static int run_actions(const struct files_plan *what, struct copy_outcome *outcome, struct rt_error *err)
{
    struct target target;
    int result = target_open(&target, &what->target, err);
    for (size_t i = 0; i < what->count && result == 0; i++) {
        if (what->commit.clamp) what->actions[i].copy.newest = what->commit.clamp_seconds;
        result = act(&what->actions[i], &target, outcome, err);
    }
    target_close(&target); /* the view must be gone before the upper layer is settled */
    return result == 0 ? merged_settle(&what->target, false, err) : result;
}

/*
 * Directories above the destination are made anew and get the time of that; a tar that tells it differs from the earlier one's. They are not told
 * where they equal the lower's, which is marked in the earlier layer and, made by the same copy on the same base, holds here.
 */
static bool same_ancestors(int upper, int earlier, const char *path)
{
    const char *mark = layer_mark_name(has_trusted_attributes());
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        struct rt_error ignored;
        struct stat a, b;
        char marked[2];
        auto_free char *above = rt_printf(&ignored, "%.*s", (int)(slash - path), path);
        auto_close int mine = above ? try_open_directory_strictly(upper, above, O_RDONLY) : -1;
        auto_close int theirs = above ? try_open_directory_strictly(earlier, above, O_RDONLY) : -1;
        if (mine < 0 || theirs < 0 || fstat(mine, &a) < 0 || fstat(theirs, &b) < 0) return false;
        bool equal = a.st_mode == b.st_mode && a.st_uid == b.st_uid && a.st_gid == b.st_gid && a.st_mtim.tv_sec == b.st_mtim.tv_sec;
        if (!equal && fgetxattr(theirs, mark, marked, sizeof marked) != 1) return false;
    }
    return true;
}

/* The marks of the earlier layer's tar that are those of this one, too. */
static int known_marks(const struct files_plan *what, const struct copy_outcome *outcome, struct tar_marks *marks, struct rt_error *err)
{
    if (what->count != 1 || !outcome->same || what->commit.clamp) return 0;
    const struct reuse *reuse = &what->actions[0].copy.reuse;
    const char *top = outcome->same;
    while (*top == '/' || (*top == '.' && (top[1] == '/' || top[1] == '\0'))) top++;
    auto_close int upper = open(what->target.path ? what->target.path : what->target.upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (upper < 0 || !same_ancestors(upper, reuse->layer, top)) return 0;
    tar_marks_load(marks, reuse->marks_path);
    if (!outcome->changed) return 0;
    auto_free char *changed = rt_printf(err, "%s%s%s", top, *top ? "/" : "", outcome->changed);
    if (!changed) return -1;
    tar_marks_cut(marks, changed);
    return 0;
}

static int commit(const struct files_plan *what, const struct copy_outcome *outcome, struct layer_facts *facts, struct rt_error *err)
{
    auto_tar_marks struct tar_marks marks = { 0 };
    if (known_marks(what, outcome, &marks, err) < 0) return -1;
    if (marks.count > 0 && layer_commit_from(&what->target, &what->commit, &marks, facts, err) == 0) return 0;
    return layer_commit(&what->target, &what->commit, facts, err);
}

/* Changes a snapshot without a process in it. After an error the snapshot is to be thrown away. */
int verb_files(struct plan *plan, struct rt_error *err)
{
    struct files_plan what = { 0 };
    struct layer_facts facts;
    struct copy_outcome outcome = { 0 };
    descriptor_limit_raise();
    int result = parse(plan, &what, err);
    if (result == 0) result = run_actions(&what, &outcome, err);
    if (result == 0 && what.commit.wanted) result = commit(&what, &outcome, &facts, err);
    if (result == 0) result = plan_result(plan, json_pack("{s:o,s:I}", "layer", commit_json(&what.commit, &facts), "reused", (json_int_t)outcome.reused), err);
    free(outcome.same);
    free(outcome.changed);
    files_plan_free(&what);
    return result;
}
