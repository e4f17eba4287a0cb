#include "base/userns.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/util.h"

struct first_range {
    unsigned inside, outside, count;
};

/* The first line of uid_map; `more` tells whether there are others. */
static bool read_first_range(struct first_range *out, bool *more)
{
    char map[128];
    auto_close int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read_all(fd, map, sizeof map - 1);
    if (n <= 0) return false;
    map[n] = '\0';
    const char *end = strchr(map, '\n');
    *more = !end || end[1] != '\0';
    if (sscanf(map, "%u %u %u", &out->inside, &out->outside, &out->count) != 3) *out = (struct first_range){ 0 };
    return true;
}

bool in_user_namespace(void)
{
    struct first_range range;
    bool more;
    return read_first_range(&range, &more) && (range.inside != 0 || range.outside != 0 || range.count != UINT32_MAX);
}

bool has_trusted_attributes(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { 0 };
    if (in_user_namespace() || syscall(SYS_capget, &header, data) < 0) return false;
    return data[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective & CAP_TO_MASK(CAP_SYS_ADMIN);
}

bool has_single_id(void)
{
    struct first_range range;
    bool more;
    return read_first_range(&range, &more) && !more && range.inside == 0 && range.count == 1;
}
