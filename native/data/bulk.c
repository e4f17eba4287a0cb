#include "data/bulk.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/path.h"

void bulk_free(struct bulk *bulk)
{
    if (bulk->path) util_close(&bulk->fd);
    free(bulk->path);
    *bulk = (struct bulk){ .fd = -1 };
}

int bulk_parse(const json_t *object, const char *key, struct bulk *out, struct rt_error *err)
{
    const json_t *value = json_object_get(object, key);
    int64_t fd;
    *out = (struct bulk){ .fd = -1 };
    if (!value || json_is_null(value)) return 0;
    if (json_is_object(value) && json_object_get(value, "fd")) {
        if (json_allow(value, err, "fd", NULL) < 0 || json_req_i64(value, "fd", 5, INT32_MAX, &fd, err) < 0) return -1;
        out->fd = (int)fd;
        return 1;
    }
    if (json_bytes(value, key, &out->path, NULL, err) < 0) return -1;
    if (out->path[0] == '/') return 1;
    rt_fail_at(err, out->path, "PLAN_INVALID", 0, NULL, "'%s' must be an absolute path", key);
    bulk_free(out);
    return -1;
}

int bulk_open_read(struct bulk *bulk, struct rt_error *err)
{
    if (!bulk->path) {
        if (fcntl(bulk->fd, F_SETFD, FD_CLOEXEC) < 0) return rt_fail(err, "NATIVE_FAILED", errno, "fcntl", "descriptor %d is not open", bulk->fd);
        return 0;
    }
    struct stat st;
    bulk->fd = open(bulk->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (bulk->fd < 0 || fstat(bulk->fd, &st) < 0) return path_fail(err, errno, "open", bulk->path, "open");
    if (!S_ISREG(st.st_mode)) return rt_fail_at(err, bulk->path, "NATIVE_FAILED", EINVAL, "open", "cannot read '%s': not a regular file", bulk->path);
    return 0;
}

int bulk_open_write(struct bulk *bulk, struct rt_error *err)
{
    struct stat st;
    if (bulk->path) bulk->fd = open(bulk->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (bulk->fd < 0 || fstat(bulk->fd, &st) < 0) return path_fail(err, errno, "open", bulk->path ? bulk->path : "", "write");
    if (bulk->path && st.st_size != 0) {
        util_close(&bulk->fd);
        bulk->fd = -1;
        return rt_fail_at(err, bulk->path, "NATIVE_FAILED", EEXIST, "open", "cannot write '%s': it is not empty", bulk->path);
    }
    return 0;
}

void bulk_discard(struct bulk *bulk)
{
    if (bulk->path && bulk->fd >= 0) unlink(bulk->path);
}
