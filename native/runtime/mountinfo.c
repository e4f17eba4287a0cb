#include "runtime/mountinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

void mountinfo_unescape(char *text)
{
    char *out = text;
    for (const char *in = text; *in; out++) {
        if (in[0] == '\\' && in[1] && in[2] && in[3]) {
            *out = (char)((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0'));
            in += 4;
        } else
            *out = *in++;
    }
    *out = 0;
}

/* "36 35 98:0 /root /path options tags - type source options" */
static bool parse(char *line, struct mountinfo_item *item)
{
    char *type = strstr(line, " - "), *rest = line;
    if (!type) return false;
    *type = 0;
    item->type = type + 3;
    item->type[strcspn(item->type, " ")] = 0;
    for (int i = 0; i < 3; i++) strsep(&rest, " ");
    item->root = strsep(&rest, " ");
    item->path = strsep(&rest, " ");
    if (!item->path) return false;
    mountinfo_unescape(item->root);
    mountinfo_unescape(item->path);
    return true;
}

int mountinfo_read(struct mountinfo *out, struct rt_error *err)
{
    enum { LIMIT = 64 << 20 };
    static const char PATH[] = "/proc/self/mountinfo";
    auto_buf struct buf text = {0};
    auto_close int fd = open(PATH, O_RDONLY | O_CLOEXEC);
    *out = (struct mountinfo){0};
    if (fd < 0) return rt_fail_at(err, PATH, "NATIVE_FAILED", errno, "open", "cannot read the list of mounts");
    if (read_fd(fd, LIMIT, &text, "NATIVE_FAILED", PATH, err) || buf_str(&text, "", err)) return -1;
    out->text = take_ptr(&text.data);
    char *rest = out->text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        struct mountinfo_item item;
        if (!parse(line, &item)) continue;
        struct mountinfo_item *items = reallocarray(out->items, out->count + 1, sizeof *items);
        if (!items) return rt_nomem(err);
        out->items = items;
        items[out->count++] = item;
    }
    return 0;
}

void mountinfo_free(struct mountinfo *list)
{
    free(list->items);
    free(list->text);
}
