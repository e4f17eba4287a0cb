#include "runtime/cgroup_hierarchy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "runtime/mountinfo.h"

bool cgroup_controller_in(const char *controllers, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = controllers; (at = strstr(at, name)); at += length)
        if ((at == controllers || at[-1] == ',') && (at[length] == ',' || !at[length])) return true;
    return false;
}

const struct cgroup_hierarchy *cgroup_find_v1(const struct cgroup_hierarchies *list, const char *controller)
{
    for (size_t i = 0; i < list->count; i++)
        if (!list->items[i].unified && cgroup_controller_in(list->items[i].controllers, controller)) return &list->items[i];
    return NULL;
}

const struct cgroup_hierarchy *cgroup_find_v2(const struct cgroup_hierarchies *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].unified) return &list->items[i];
    return NULL;
}

/* The mount point where this v1 set of controllers is seen, or the v2 hierarchy ("" as controllers). */
static int find_mount(const char *mountinfo, struct cgroup_hierarchy *hierarchy, struct rt_error *err)
{
    auto_free char *copy = rt_strdup(mountinfo, err);
    if (!copy) return -1;
    char *rest = copy;
    for (char *line; (line = strsep(&rest, "\n"));) {
        char *separator = strstr(line, " - ");
        if (!separator) continue;
        *separator = 0;
        char *fields = separator + 3;
        const char *type = strsep(&fields, " ");
        strsep(&fields, " ");
        const char *options = fields ? fields : "";
        bool unified = strcmp(type, "cgroup2") == 0;
        if (unified != hierarchy->unified || (!unified && strcmp(type, "cgroup") != 0)) continue;
        if (!unified) {
            auto_free char *names = rt_strdup(hierarchy->controllers, err);
            if (!names) return -1;
            char *more = names;
            bool all = true;
            for (char *name; (name = strsep(&more, ","));) all = all && cgroup_controller_in(options, name);
            if (!all) continue;
        }
        char *root = line;
        for (int i = 0; i < 3 && root; i++) root = strchr(root + 1, ' ');
        if (!root) continue;
        char *mountpoint = strchr(++root, ' ');
        if (!mountpoint) continue;
        *mountpoint++ = 0;
        mountpoint[strcspn(mountpoint, " ")] = 0;
        mountinfo_unescape(root);
        mountinfo_unescape(mountpoint);
        return (hierarchy->root = rt_strdup(root, err)) && (hierarchy->mountpoint = rt_strdup(mountpoint, err)) ? 0 : -1;
    }
    return 1;
}

/* A path of the hierarchy as one below its mount point: what a container around us hides is cut off. */
static char *below_mount(const char *path, const char *root, struct rt_error *err)
{
    size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (length && strncmp(path, root, length) == 0 && (path[length] == '/' || !path[length])) path += length;
    return rt_strdup(strcmp(path, "/") == 0 ? "" : path, err);
}

static int read_file(const char *path, struct buf *out, struct rt_error *err)
{
    enum { LIMIT = 16 << 20 };
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return rt_fail_at(err, path, "CGROUP_FAILED", errno, "open", "cannot open '%s'", path);
    return read_fd(fd, LIMIT, out, "CGROUP_FAILED", path, err) || buf_str(out, "", err) ? -1 : 0;
}

int cgroup_hierarchies_read(pid_t pid, struct cgroup_hierarchies *out, struct rt_error *err)
{
    char file[40] = "/proc/self/cgroup";
    auto_buf struct buf cgroups = {0}, mountinfo = {0};
    *out = (struct cgroup_hierarchies){0};
    if (pid) snprintf(file, sizeof file, "/proc/%d/cgroup", pid);
    if (read_file(file, &cgroups, err) || read_file("/proc/self/mountinfo", &mountinfo, err)) return -1;
    char *rest = cgroups.data;
    for (char *line; (line = strsep(&rest, "\n"));) {
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path) continue;
        controllers++;
        *path++ = 0;
        struct cgroup_hierarchy *items = reallocarray(out->items, out->count + 1, sizeof *items);
        if (!items) return rt_nomem(err);
        out->items = items;
        struct cgroup_hierarchy *item = &items[out->count];
        *item = (struct cgroup_hierarchy){.unified = !*controllers, .controllers = rt_strdup(controllers, err)};
        if (!item->controllers) return -1;
        out->count++;
        int found = find_mount(mountinfo.data, item, err);
        if (found < 0) return -1;
        if (found == 1) {
            free(item->controllers);
            out->count--;
        } else if (!(item->own = below_mount(path, item->root, err)))
            return -1;
    }
    return 0;
}

void cgroup_hierarchies_free(struct cgroup_hierarchies *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].controllers);
        free(list->items[i].mountpoint);
        free(list->items[i].root);
        free(list->items[i].own);
    }
    free(list->items);
    *list = (struct cgroup_hierarchies){0};
}
