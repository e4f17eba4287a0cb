#pragma once
#include <stdbool.h>

/* Whether the process runs in a user namespace other than the initial one (overlayfs then needs userxattr, mknod is refused). */
bool in_user_namespace(void);

/* Whether trusted.* attributes can be read and written: not in a user namespace, nor without CAP_SYS_ADMIN. Marks of layers are then user.*. */
bool has_trusted_attributes(void);

/* Whether root is the only user that exists here: an unprivileged user without ranges of sub-ids. */
bool has_single_id(void);
