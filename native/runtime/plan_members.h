#pragma once
#include <jansson.h>

#include "data/tree.h"
#include "runtime/container.h"

/* Members that the plans `sandbox` and `monitor` have in common (docs/native-core.md). Strings belong to the plan, arrays to the arena. What is absent leaves *out as it was. */

/* "user": {"name":…,"groups":[…]} */
int plan_user(const json_t *plan, struct arena *arena, const char **name, struct spec_strings *groups, struct rt_error *err);

/* "cgroup": {"path":…} */
int plan_cgroup(const json_t *plan, const char **path, struct rt_error *err);

/* "runtime": {"kind":"builtin"} or {"kind":"path","path":…,"root":…} */
int plan_runtime(const json_t *plan, struct runtime_external *out, struct rt_error *err);

/* "trees": [{"tree":…,"source":…,"target":…,"readonly":…,"before":…}, …], mounted beside those of the spec. */
struct plan_trees {
    struct tree *items;
    struct runtime_tree_mount *mounts; /* one for each tree */
    size_t count;
};
int plan_trees(const json_t *plan, struct spec *spec, struct plan_trees *out, struct rt_error *err);
/* Closes those that were opened and not used up. */
void plan_trees_close(const struct plan_trees *trees);
void plan_trees_free(struct plan_trees *trees);
