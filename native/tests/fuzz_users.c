#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/util.h"
#include "data/users.h"
#include "tests/fuzz_directory.h"

static int write_file(int root, const char *path, const void *data, size_t size)
{
    auto_close int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return fd >= 0 && write_all(fd, data, size) == 0 ? 0 : -1;
}

/* libFuzzer harness: passwd and group of an image, parted by the first NUL, asked for a name, a number and memberships. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = { "root", "0", "4294967295", "4294967296", "a", "" };
    static int root = -1;
    struct rt_error err;
    if (root < 0 && mkdirat(root = fuzz_directory(), "etc", 0700) < 0) abort();
    size_t first = size > 0 ? strnlen((const char *)data, size) : 0, second = first < size ? first + 1 : size;
    if (write_file(root, "etc/passwd", data, first) < 0 || write_file(root, "etc/group", data + second, size - second) < 0) abort();
    auto_users struct users users = { 0 };
    if (users_read(root, &users, &err) < 0) return 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct user_entry entry = { 0 };
        uint32_t gid, *groups = NULL;
        size_t count = 0;
        if (users_find(&users, names[i], &entry, &err) == 1) {
            free(users_name_of(&users, entry.uid, &err));
            free(entry.home);
        }
        users_find_group(&users, names[i], &gid);
        if (users_groups_of(&users, names[i], &groups, &count, &err) == 0) free(groups);
    }
    return 0;
}
