#include "runtime/lsm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "runtime/procfs.h"

static bool apparmor_enabled(void)
{
    char answer = 0;
    auto_close int fd = open("/sys/module/apparmor/parameters/enabled", O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read_all(fd, &answer, 1) == 1 && answer == 'Y';
}

static bool selinux_enabled(void)
{
    return access("/sys/fs/selinux/status", F_OK) == 0;
}

int lsm_set_exec(int procfd, const struct spec_process *process, struct rt_error *err)
{
    int missing = 0;
    if (process->apparmor_profile && *process->apparmor_profile && strcmp(process->apparmor_profile, "unconfined") != 0) {
        auto_free char *value = rt_printf(err, "exec %s", process->apparmor_profile);
        if (!value) return -1;
        /* Since Linux 5.8 AppArmor has a directory of its own, for hosts that stack it with another module. */
        auto_close int own = procfs_open_at(procfd, "self/attr/apparmor/exec", O_PATH);
        const char *path = own >= 0 ? "self/attr/apparmor/exec" : "self/attr/exec";
        if (!apparmor_enabled()) missing = 1;
        else if (procfs_write(procfd, path, value, err)) return rt_wrap(err, "cannot apply the AppArmor profile '%s'", process->apparmor_profile);
    }
    if (process->selinux_label && *process->selinux_label) {
        if (!selinux_enabled()) missing = 1;
        else if (procfs_write(procfd, "self/attr/exec", process->selinux_label, err)) return rt_wrap(err, "cannot apply the SELinux label '%s'", process->selinux_label);
    }
    return missing;
}
