#pragma once
#include <stdbool.h>

/* Whether the process runs in a user namespace other than the initial one (overlayfs then needs userxattr, mknod is refused). */
bool in_user_namespace(void);
