#include "data/users.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/regular_file.h"
#include "base/util.h"

static int read_file(int rootfd, const char *path, char **out, struct rt_error *err)
{
    auto_buf struct buf text = { 0 };
    auto_close int fd = try_open_regular_in_root(rootfd, path);
    if (fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP && errno != EINVAL) return path_fail(err, errno, "openat2", path, "read the file");
    if (fd >= 0 && read_fd(fd, USERS_LIMIT, &text, "USER_UNKNOWN", path, err) < 0) return -1;
    *out = rt_strdup(text.data ? text.data : "", err);
    return *out ? 0 : -1;
}

int users_read(int rootfd, struct users *out, struct rt_error *err)
{
    *out = (struct users){ 0 };
    if (read_file(rootfd, "etc/passwd", &out->passwd, err) == 0 && read_file(rootfd, "etc/group", &out->group, err) == 0) return 0;
    users_free(out);
    return -1;
}

void users_free(struct users *users)
{
    free(users->passwd);
    free(users->group);
    *users = (struct users){ 0 };
}

bool users_parse_id(const char *text, uint32_t *out)
{
    uint64_t value;
    if (!parse_u64(text, UINT32_MAX - 1, &value)) return false;
    *out = (uint32_t)value;
    return true;
}

/* A line of a colon-separated file. Fields point into the text and end at a colon or the end of the line. */
struct line {
    const char *fields[7];
    size_t sizes[7];
    size_t count;
};

/* Reads the next line at *at and moves it on; false at the end of the text. */
static bool next_line(const char **at, struct line *line)
{
    if (!**at) return false;
    const char *end = strchrnul(*at, '\n');
    line->count = 0;
    for (const char *field = *at; line->count < ARRAY_LEN(line->fields);) {
        const char *stop = memchr(field, ':', (size_t)(end - field));
        if (!stop) stop = end;
        line->fields[line->count] = field;
        line->sizes[line->count++] = (size_t)(stop - field);
        if (stop == end) break;
        field = stop + 1;
    }
    *at = *end ? end + 1 : end;
    return true;
}

static bool field_is(const struct line *line, size_t field, const char *text)
{
    return field < line->count && line->sizes[field] == strlen(text) && memcmp(line->fields[field], text, line->sizes[field]) == 0;
}

static bool field_id(const struct line *line, size_t field, uint32_t *out)
{
    char text[16];
    if (field >= line->count || line->sizes[field] >= sizeof text) return false;
    memcpy(text, line->fields[field], line->sizes[field]);
    text[line->sizes[field]] = '\0';
    return users_parse_id(text, out);
}

static int take_user(const struct line *line, struct user_entry *out, struct rt_error *err)
{
    if (line->count > 5) out->home = rt_memdup(line->fields[5], line->sizes[5], err);
    else out->home = rt_strdup("", err);
    return out->home ? 1 : -1;
}

int users_find(const struct users *users, const char *name, struct user_entry *out, struct rt_error *err)
{
    struct line line;
    uint32_t wanted;
    for (const char *at = users->passwd; next_line(&at, &line);)
        if (field_is(&line, 0, name) && field_id(&line, 2, &out->uid) && field_id(&line, 3, &out->gid)) return take_user(&line, out, err);
    if (!users_parse_id(name, &wanted)) return 0;
    for (const char *at = users->passwd; next_line(&at, &line);)
        if (field_id(&line, 2, &out->uid) && out->uid == wanted && field_id(&line, 3, &out->gid)) return take_user(&line, out, err);
    return 0;
}

bool users_find_group(const struct users *users, const char *name, uint32_t *gid)
{
    struct line line;
    for (const char *at = users->group; next_line(&at, &line);)
        if (field_is(&line, 0, name) && field_id(&line, 2, gid)) return true;
    return users_parse_id(name, gid);
}

static bool lists_member(const struct line *line, const char *user)
{
    size_t size = strlen(user);
    if (line->count < 4) return false;
    for (const char *at = line->fields[3], *end = at + line->sizes[3]; at < end;) {
        const char *stop = memchr(at, ',', (size_t)(end - at));
        if (!stop) stop = end;
        if ((size_t)(stop - at) == size && memcmp(at, user, size) == 0) return true;
        at = stop + 1;
    }
    return false;
}

int users_groups_of(const struct users *users, const char *user, uint32_t **out, size_t *count, struct rt_error *err)
{
    struct line line;
    size_t capacity = 0;
    uint32_t gid;
    *out = NULL;
    *count = 0;
    for (const char *at = users->group; next_line(&at, &line);) {
        if (!lists_member(&line, user) || !field_id(&line, 2, &gid)) continue;
        if (*count == NGROUPS_MAX) {
            free(*out);
            *out = NULL;
            return rt_fail(err, "USER_UNKNOWN", 0, NULL, "the group file has '%s' in more than %d groups: the kernel takes no more", user, NGROUPS_MAX);
        }
        if (*count == capacity) {
            capacity = capacity ? capacity * 2 : 16;
            uint32_t *grown = realloc(*out, capacity * sizeof *grown);
            if (!grown) {
                free(*out);
                *out = NULL;
                return rt_nomem(err);
            }
            *out = grown;
        }
        (*out)[(*count)++] = gid;
    }
    return 0;
}

char *users_name_of(const struct users *users, uint32_t uid, struct rt_error *err)
{
    struct line line;
    uint32_t found;
    for (const char *at = users->passwd; next_line(&at, &line);)
        if (field_id(&line, 2, &found) && found == uid) return rt_memdup(line.fields[0], line.sizes[0], err);
    return NULL;
}
