#include "base/accept.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static int reserve = -1;

void accept_reserve(void)
{
    if (reserve < 0) reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int accept_or_refuse(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0 || (errno != EMFILE && errno != ENFILE) || reserve < 0) return fd;
    int why = errno;
    close(reserve);
    reserve = -1;
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) close(fd);
    accept_reserve();
    errno = why;
    return -1;
}
