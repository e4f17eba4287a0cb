#include "base/userns.h"

#include <fcntl.h>
#include <string.h>

#include "base/util.h"

bool in_user_namespace(void)
{
    char map[64];
    auto_close int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read_all(fd, map, sizeof map - 1);
    if (n <= 0) return false;
    map[n] = '\0';
    unsigned inside, outside, count;
    return sscanf(map, "%u %u %u", &inside, &outside, &count) != 3 || inside != 0 || outside != 0 || count != UINT32_MAX;
}
