#include "runtime/accounts.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "base/util.h"

enum { FILE_LIMIT = 4 << 20, FIELDS = 7 };

/* Empty where there is no such file. */
static int read_accounts(int rootfd, const char *path, struct buf *out, struct rt_error *err)
{
    struct stat st;
    auto_close int fd = try_open_in_root(rootfd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) return buf_str(out, "", err);
    return read_fd(fd, FILE_LIMIT, out, "USER_UNKNOWN", path, err) || buf_str(out, "", err) ? -1 : 0;
}

/* The next line of at least `wanted` fields, split in place; false at the end. */
static bool next_entry(char **rest, int wanted, char *fields[FIELDS])
{
    for (char *line; (line = strsep(rest, "\n"));) {
        int count = 0;
        while (count < FIELDS && line) fields[count++] = strsep(&line, ":");
        if (count >= wanted && fields[0][0] && fields[0][0] != '#') return true;
    }
    return false;
}

static bool is_id(const char *text, uint32_t *id)
{
    uint64_t value;
    if (!parse_u64(text, INT32_MAX, &value)) return false;
    *id = (uint32_t)value;
    return true;
}

char *accounts_home(int rootfd, uid_t uid, struct rt_error *err)
{
    auto_buf struct buf text = {0};
    char *fields[FIELDS];
    uint32_t id;
    if (read_accounts(rootfd, "etc/passwd", &text, err)) return NULL;
    for (char *rest = text.data; next_entry(&rest, 6, fields);)
        if (is_id(fields[2], &id) && id == uid && fields[5][0] == '/') return rt_strdup(fields[5], err);
    return rt_strdup("/", err);
}

static bool is_member(char *list, const char *name)
{
    for (char *one; (one = strsep(&list, ","));)
        if (strcmp(one, name) == 0) return true;
    return false;
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

/* A number needs no entry; a name that happens to be one is found first. */
static int find_group(const struct buf *text, const char *name, gid_t *gid, struct rt_error *err)
{
    auto_free char *copy = rt_strdup(text->data, err);
    char *fields[FIELDS];
    uint32_t id;
    if (!copy) return -1;
    for (char *rest = copy; next_entry(&rest, 3, fields);)
        if (strcmp(fields[0], name) == 0 && is_id(fields[2], &id)) return *gid = id, 0;
    if (is_id(name, &id)) return *gid = id, 0;
    return rt_fail(err, "USER_UNKNOWN", 0, NULL, "unable to find group '%s': no matching entries in group file", name);
}

/* *name: that of the entry, for membership; NULL without one. */
static int find_user(struct buf *text, const char *wanted, struct spec_user *out, const char **name, struct rt_error *err)
{
    char *fields[FIELDS];
    uint32_t uid, gid, number = 0;
    bool numeric = is_id(*wanted ? wanted : "0", &number);
    *name = NULL;
    for (char *rest = text->data; next_entry(&rest, 4, fields);) {
        if (!is_id(fields[2], &uid) || !is_id(fields[3], &gid) || (strcmp(fields[0], wanted) != 0 && !(numeric && uid == number))) continue;
        out->uid = uid;
        out->gid = gid;
        *name = fields[0];
        return 0;
    }
    if (!numeric) return rt_fail(err, "USER_UNKNOWN", 0, NULL, "unable to find user '%s': no matching entries in passwd file", wanted);
    out->uid = number;
    out->gid = 0;
    return 0;
}

static int resolve(int rootfd, char *user, const char *group, const struct spec_strings *groups, struct spec_user *found, struct rt_error *err)
{
    auto_buf struct buf passwd = {0}, file = {0};
    const char *name;
    char *fields[FIELDS];
    uint32_t gid;
    if (read_accounts(rootfd, "etc/passwd", &passwd, err) || read_accounts(rootfd, "etc/group", &file, err) || find_user(&passwd, user, found, &name, err)) return -1;
    if (group && *group && find_group(&file, group, &found->gid, err)) return -1;
    for (size_t i = 0; i < groups->count; i++)
        if (find_group(&file, groups->items[i], &gid, err) || add_group(found, gid, err)) return -1;
    if ((group && *group) || !name) return 0;
    for (char *rest = file.data; next_entry(&rest, 4, fields);)
        if (is_id(fields[2], &gid) && is_member(fields[3], name) && add_group(found, gid, err)) return -1;
    return 0;
}

int accounts_resolve(int rootfd, const char *name, const struct spec_strings *groups, struct arena *arena, struct spec_user *out, struct rt_error *err)
{
    struct spec_user found = *out;
    auto_free char *user = rt_strdup(name, err);
    if (!user) return -1;
    found.groups = NULL;
    found.group_count = 0;
    char *group = strchr(user, ':');
    if (group) *group++ = 0;
    int result = resolve(rootfd, user, group, groups, &found, err);
    gid_t *kept = result ? NULL : arena_array(arena, found.group_count, sizeof *kept, err);
    if (kept) {
        if (found.group_count) memcpy(kept, found.groups, found.group_count * sizeof *kept);
        *out = found;
        out->groups = kept;
    }
    free(found.groups);
    return kept ? 0 : -1;
}
