#include "data/xattr-policy.h"

#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

bool xattr_belongs_to_layer(const char *name)
{
    if (strncmp(name, "user.", 5) == 0) return strncmp(name, "user.overlay.", 13) != 0;
    return strcmp(name, "security.capability") == 0;
}

void xattr_list_free(struct xattr_list *list)
{
    free(list->items);
    buf_free(&list->bytes);
    *list = (struct xattr_list){ 0 };
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct xattr *)a)->name, ((const struct xattr *)b)->name);
}

static int read_fail(struct rt_error *err, const char *syscall)
{
    return rt_fail(err, "NATIVE_FAILED", errno, syscall, "cannot read extended attributes");
}

/* A descriptor made with O_PATH has no f*xattr; its name in /proc leads to the very same inode, a symbolic link included. */
static ssize_t list_names(int fd, char *out, size_t size)
{
    ssize_t n = flistxattr(fd, out, size);
    if (n >= 0 || errno != EBADF) return n;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return listxattr(path, out, size);
}

static ssize_t get_value(int fd, const char *name, void *out, size_t size)
{
    ssize_t n = fgetxattr(fd, name, out, size);
    if (n >= 0 || errno != EBADF) return n;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return getxattr(path, name, out, size);
}

/* The list may grow between two calls: ERANGE asks for another turn. */
static int read_names(int fd, struct buf *names, struct rt_error *err)
{
    buf_cut(names, 0);
    if (buf_reserve(names, 1024, err) < 0) return -1;
    for (;;) {
        ssize_t n = list_names(fd, names->data, names->capacity - 1);
        if (n >= 0) {
            names->size = (size_t)n;
            return 0;
        }
        if (errno == ENOTSUP) return 0;
        if (errno != ERANGE) return read_fail(err, "listxattr");
        if (buf_reserve(names, names->capacity * 2, err) < 0) return -1;
    }
}

static int read_value(int fd, struct xattr *item, struct xattr_list *list, struct rt_error *err)
{
    size_t room = 256;
    for (;;) {
        if (buf_reserve(&list->bytes, room, err) < 0) return -1;
        ssize_t n = get_value(fd, item->name, list->bytes.data + list->bytes.size, room);
        if (n >= 0) {
            item->size = (size_t)n;
            list->bytes.size += (size_t)n;
            return 0;
        }
        if (errno == ENODATA) return 1; /* removed meanwhile */
        if (errno != ERANGE) return read_fail(err, "getxattr");
        room *= 4;
    }
}

int xattr_list_read(int fd, struct xattr_list *list, struct rt_error *err)
{
    list->count = 0;
    buf_cut(&list->bytes, 0);
    char small[1024];
    ssize_t n = list_names(fd, small, sizeof small);
    if (n == 0 || (n < 0 && errno == ENOTSUP)) return 0;
    auto_buf struct buf names = { 0 };
    if (read_names(fd, &names, err) < 0) return -1;
    for (const char *name = names.data; name < names.data + names.size; name += strlen(name) + 1) {
        if (!xattr_belongs_to_layer(name)) continue;
        if (list->count == list->capacity) {
            size_t capacity = list->capacity ? list->capacity * 2 : 8;
            struct xattr *items = realloc(list->items, capacity * sizeof *items);
            if (!items) return rt_nomem(err);
            list->items = items;
            list->capacity = capacity;
        }
        struct xattr *item = &list->items[list->count];
        item->name = name;
        int gone = read_value(fd, item, list, err);
        if (gone < 0) return -1;
        list->count += gone == 0;
    }
    /* Names move into the list's own memory behind the values; only now does the buffer stop moving. */
    size_t values = list->bytes.size, at = 0;
    for (size_t i = 0; i < list->count; i++)
        if (buf_add(&list->bytes, list->items[i].name, strlen(list->items[i].name) + 1, err) < 0) return -1;
    for (size_t i = 0, name = values; i < list->count; i++) {
        list->items[i].value = (const unsigned char *)list->bytes.data + at;
        at += list->items[i].size;
        list->items[i].name = list->bytes.data + name;
        name += strlen(list->items[i].name) + 1;
    }
    if (list->count > 1) qsort(list->items, list->count, sizeof *list->items, by_name);
    return 0;
}

bool xattr_list_equal(const struct xattr_list *a, const struct xattr_list *b)
{
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct xattr *x = &a->items[i], *y = &b->items[i];
        if (strcmp(x->name, y->name) != 0 || x->size != y->size || memcmp(x->value, y->value, x->size) != 0) return false;
    }
    return true;
}
