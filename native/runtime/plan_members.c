#include "runtime/plan_members.h"

#include "base/json.h"
#include "base/util.h"

int plan_user(const json_t *plan, struct arena *arena, const char **name, struct spec_strings *groups, struct rt_error *err)
{
    json_t *user = NULL, *list = NULL;
    if (json_opt_obj(plan, "user", &user, err)) return -1;
    if (!user) return 0;
    if (json_allow(user, err, "name", "groups", NULL) || json_req_str(user, "name", name, err) || json_opt_arr(user, "groups", &list, err)) return rt_wrap(err, "user");
    size_t count = json_array_size(list);
    if (!(groups->items = arena_array(arena, count + 1, sizeof *groups->items, err))) return -1;
    for (; groups->count < count; groups->count++)
        if (json_elem_str(list, groups->count, "user.groups", &groups->items[groups->count], err)) return -1;
    return 0;
}

int plan_cgroup(const json_t *plan, const char **path, struct rt_error *err)
{
    json_t *cgroup = NULL;
    if (json_opt_obj(plan, "cgroup", &cgroup, err)) return -1;
    return cgroup && (json_allow(cgroup, err, "path", NULL) || json_opt_str(cgroup, "path", path, err)) ? rt_wrap(err, "cgroup") : 0;
}

int plan_runtime(const json_t *plan, struct runtime_external *out, struct rt_error *err)
{
    enum { BUILTIN };
    static const char *const KINDS[] = {"builtin", "path", NULL};
    json_t *runtime = NULL;
    int kind;
    if (json_opt_obj(plan, "runtime", &runtime, err)) return -1;
    if (!runtime) return 0;
    if (json_allow(runtime, err, "kind", "path", "root", NULL) || json_req_enum(runtime, "kind", KINDS, &kind, err)) return rt_wrap(err, "runtime");
    return kind != BUILTIN && (json_req_str(runtime, "path", &out->path, err) || json_req_str(runtime, "root", &out->root, err)) ? rt_wrap(err, "runtime") : 0;
}

static int parse_tree(struct plan_trees *trees, size_t mount_count, json_t *object, struct rt_error *err)
{
    struct runtime_tree_mount *mount = &trees->mounts[trees->count];
    int64_t last = (int64_t)mount_count, before = last;
    *mount = (struct runtime_tree_mount){.tree = -1, .source = "/"};
    if (json_allow(object, err, "tree", "source", "target", "readonly", "before", NULL) || tree_req(object, "tree", &trees->items[trees->count], err)) return -1;
    trees->count++;
    if (json_opt_str(object, "source", &mount->source, err) || json_req_str(object, "target", &mount->target, err) || json_opt_bool(object, "readonly", &mount->readonly, err) ||
        json_opt_i64(object, "before", 0, last, &before, err))
        return -1;
    mount->before = (size_t)before;
    return 0;
}

int plan_trees(const json_t *plan, struct spec *spec, struct plan_trees *out, struct rt_error *err)
{
    json_t *list = NULL, *object;
    if (json_opt_arr(plan, "trees", &list, err)) return -1;
    size_t count = json_array_size(list);
    out->items = arena_array(&spec->arena, count, sizeof *out->items, err);
    out->mounts = arena_array(&spec->arena, count, sizeof *out->mounts, err);
    if (!out->items || !out->mounts) return -1;
    for (size_t i = 0; i < count; i++)
        if (json_elem_obj(list, i, "trees", &object, err) || parse_tree(out, spec->mount_count, object, err)) return rt_wrap(err, "trees[%zu]", i);
    return 0;
}

void plan_trees_close(const struct plan_trees *trees)
{
    for (size_t i = 0; i < trees->count; i++) util_close(&trees->mounts[i].tree);
}

void plan_trees_free(struct plan_trees *trees)
{
    for (size_t i = 0; i < trees->count; i++) tree_free(&trees->items[i]);
    trees->count = 0;
}
