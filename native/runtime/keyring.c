#include "runtime/keyring.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int keyring_join(const char *id, const char *label, struct rt_error *err)
{
    (void)label;
    char name[256];
    const uint32_t ALL_OF_THE_POSSESSOR_AND_SEARCH = 0x3f3f0000 | 0x00080000;
    snprintf(name, sizeof name, "_ses.%.200s", id);
    long ring = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name, 0, 0, 0);
    if (ring < 0) {
        /* EDQUOT: the user has too many keys; the old session keyring is then kept, as by every other runtime. */
        if (errno == ENOSYS || errno == EPERM || errno == EACCES || errno == EDQUOT) return 0;
        return rt_fail(err, "NATIVE_FAILED", errno, "keyctl", "cannot make a session keyring");
    }
    syscall(SYS_keyctl, KEYCTL_SETPERM, ring, ALL_OF_THE_POSSESSOR_AND_SEARCH, 0, 0);
    return 0;
}
