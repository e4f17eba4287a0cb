#include "data/identity.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

void identity_free(struct identity *identity)
{
    free(identity->groups);
    free(identity->home);
    *identity = (struct identity){ 0 };
}

static int add_group(struct identity *identity, uint32_t gid, struct rt_error *err)
{
    size_t at = 0;
    while (at < identity->group_count && identity->groups[at] < gid) at++;
    if (at < identity->group_count && identity->groups[at] == gid) return 0;
    uint32_t *groups = realloc(identity->groups, (identity->group_count + 1) * sizeof *groups);
    if (!groups) return rt_nomem(err);
    memmove(groups + at + 1, groups + at, (identity->group_count - at) * sizeof *groups);
    groups[at] = gid;
    identity->groups = groups;
    identity->group_count++;
    return 0;
}

static int find_group(const struct users *users, const char *name, uint32_t *gid, struct rt_error *err)
{
    if (users_find_group(users, name, gid)) return 0;
    return rt_fail(err, "USER_UNKNOWN", 0, NULL, "cannot find group '%s' in /etc/group", name);
}

static int set_user(const struct users *users, const char *name, struct identity *out, struct rt_error *err)
{
    struct user_entry entry = { 0 };
    int found = users_find(users, name, &entry, err);
    if (found < 0) return -1;
    if (found > 0) {
        out->uid = entry.uid;
        out->gid = entry.gid;
        out->home = entry.home;
        return 0;
    }
    if (!users_parse_id(name, &out->uid)) return rt_fail(err, "USER_UNKNOWN", 0, NULL, "cannot find user '%s' in /etc/passwd", name);
    out->home = rt_strdup("", err);
    return out->home ? 0 : -1;
}

static int add_memberships(const struct users *users, struct identity *out, struct rt_error *err)
{
    auto_free uint32_t *groups = NULL;
    size_t count = 0;
    auto_free char *name = users_name_of(users, out->uid, err);
    if (!name) return 0;
    if (users_groups_of(users, name, &groups, &count, err) < 0) return -1;
    for (size_t i = 0; i < count; i++)
        if (add_group(out, groups[i], err) < 0) return -1;
    return 0;
}

static int resolve(const struct users *users, char *user, char *group, struct identity *out, struct rt_error *err)
{
    if (set_user(users, *user ? user : "0", out, err) < 0) return -1;
    if (group && *group) return find_group(users, group, &out->gid, err);
    return add_memberships(users, out, err);
}

int identity_resolve(const struct users *users, const char *user, const char *const *groups, size_t group_count, struct identity *out,
                     struct rt_error *err)
{
    *out = (struct identity){ 0 };
    auto_free char *name = rt_strdup(user, err);
    if (!name) return -1;
    char *group = strchr(name, ':');
    if (group) *group++ = '\0';
    int status = resolve(users, name, group, out, err);
    for (size_t i = 0; i < group_count && status == 0; i++) {
        uint32_t gid;
        status = find_group(users, groups[i], &gid, err);
        if (status == 0) status = add_group(out, gid, err);
    }
    if (status < 0) identity_free(out);
    return status;
}
