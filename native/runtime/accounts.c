#include "runtime/accounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "data/users.h"

char *accounts_home(int rootfd, uid_t uid, struct rt_error *err)
{
    char name[16];
    struct user_entry entry = {0};
    auto_users struct users users = {0};
    snprintf(name, sizeof name, "%u", uid);
    if (users_read(rootfd, &users, err)) return NULL;
    int found = users_find(&users, name, &entry, err);
    if (found < 0) return NULL;
    if (found && entry.home && entry.home[0] == '/') return entry.home;
    free(entry.home);
    return rt_strdup("/", err);
}

static int add_group(struct spec_user *user, gid_t gid, struct rt_error *err)
{
    for (size_t i = 0; i < user->group_count; i++)
        if (user->groups[i] == gid) return 0;
    gid_t *groups = reallocarray(user->groups, user->group_count + 1, sizeof *groups);
    if (!groups) return rt_nomem(err);
    user->groups = groups;
    groups[user->group_count++] = gid;
    return 0;
}

static int find_group(const struct users *users, const char *name, uint32_t *gid, struct rt_error *err)
{
    if (users_find_group(users, name, gid) || users_parse_id(name, gid)) return 0;
    return rt_fail(err, "USER_UNKNOWN", 0, NULL, "unable to find group '%s': no matching entries in group file", name);
}

static int by_number(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Many at once: each is compared with those before, not with each other, for a hostile file may have tens of thousands. */
static int add_groups(struct spec_user *user, uint32_t *sorted, size_t count, struct rt_error *err)
{
    size_t before = user->group_count;
    gid_t *groups = reallocarray(user->groups, before + count, sizeof *groups);
    if (!groups) return rt_nomem(err);
    user->groups = groups;
    qsort(sorted, count, sizeof *sorted, by_number);
    for (size_t i = 0; i < count; i++) {
        bool known = i > 0 && sorted[i] == sorted[i - 1];
        for (size_t k = 0; !known && k < before; k++) known = groups[k] == sorted[i];
        if (!known) groups[user->group_count++] = sorted[i];
    }
    return 0;
}

/* The groups that list the user; only one that has an entry is a member of any. */
static int add_memberships(const struct users *users, struct spec_user *found, struct rt_error *err)
{
    auto_free char *name = users_name_of(users, found->uid, err);
    auto_free uint32_t *groups = NULL;
    size_t count = 0;
    if (!name) return err->code[0] ? -1 : 0;
    if (users_groups_of(users, name, &groups, &count, err)) return -1;
    return count ? add_groups(found, groups, count, err) : 0;
}

static int resolve(const struct users *users, const char *user, const char *group, const struct spec_strings *groups, struct spec_user *found, struct rt_error *err)
{
    struct user_entry entry = {0};
    uint32_t gid;
    int known = users_find(users, *user ? user : "0", &entry, err);
    free(entry.home);
    if (known < 0) return -1;
    if (!known && !users_parse_id(*user ? user : "0", &entry.uid)) return rt_fail(err, "USER_UNKNOWN", 0, NULL, "unable to find user '%s': no matching entries in passwd file", user);
    found->uid = entry.uid;
    found->gid = known ? entry.gid : 0;
    if (group && *group && find_group(users, group, &found->gid, err)) return -1;
    /* CVE-2022-2990: without its primary group in the list a process passes checks that deny the group something. */
    if (add_group(found, found->gid, err)) return -1;
    for (size_t i = 0; i < groups->count; i++)
        if (find_group(users, groups->items[i], &gid, err) || add_group(found, gid, err)) return -1;
    return known && !(group && *group) ? add_memberships(users, found, err) : 0;
}

int accounts_resolve(int rootfd, const char *name, const struct spec_strings *groups, struct arena *arena, struct spec_user *out, struct rt_error *err)
{
    struct spec_user found = *out;
    auto_users struct users users = {0};
    auto_free char *user = rt_strdup(name, err);
    if (!user || users_read(rootfd, &users, err)) return -1;
    found.groups = NULL;
    found.group_count = 0;
    char *group = strchr(user, ':');
    if (group) *group++ = 0;
    int result = resolve(&users, user, group, groups, &found, err);
    gid_t *kept = result ? NULL : arena_array(arena, found.group_count, sizeof *kept, err);
    if (kept) {
        if (found.group_count) memcpy(kept, found.groups, found.group_count * sizeof *kept);
        *out = found;
        out->groups = kept;
    }
    free(found.groups);
    return kept ? 0 : -1;
}
