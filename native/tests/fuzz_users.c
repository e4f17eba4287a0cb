#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "data/users.h"

/* libFuzzer harness: passwd and group of an image, parted by the first NUL, asked for a name, a number and memberships. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = { "root", "0", "4294967295", "4294967296", "a", "" };
    struct rt_error err;
    auto_free char *text = rt_memdup((const char *)data, size, &err);
    if (!text) return 0;
    size_t first = strnlen(text, size);
    struct users users = { .passwd = text, .group = first < size ? text + first + 1 : text + size };
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
