#pragma once
#include <stdbool.h>

/* Whether the process runs in a user namespace other than the initial one (overlayfs then needs userxattr, mknod is refused). */
bool in_user_namespace(void);

/* Whether root is the only user that exists here: an unprivileged user without ranges of sub-ids. */
bool has_single_id(void);
