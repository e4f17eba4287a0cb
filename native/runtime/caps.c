#include "runtime/caps.h"

#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/util.h"

static const char *const NAMES[] = {
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE",
    "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT",
    "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
};

int caps_number(const char *name)
{
    if (strncasecmp(name, "CAP_", 4) == 0) name += 4;
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
        if (strcasecmp(name, NAMES[i]) == 0) return (int)i;
    return -1;
}

const char *caps_name(int number)
{
    return number >= 0 && (size_t)number < ARRAY_LEN(NAMES) ? NAMES[number] : NULL;
}

int caps_last(void)
{
    int last = (int)ARRAY_LEN(NAMES) - 1;
    while (last > 0 && prctl(PR_CAPBSET_READ, last, 0, 0, 0) < 0) last--;
    /* A kernel may be newer than the table: what has no name here is dropped as well. */
    while (last < 63 && prctl(PR_CAPBSET_READ, last + 1, 0, 0, 0) >= 0) last++;
    return last;
}

int caps_drop_bounding(uint64_t bounding, struct rt_error *err)
{
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    for (int cap = 0; cap < 64; cap++) {
        int present = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
        if (present < 0) break;
        if (!present || (bounding >> cap & 1)) continue;
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0)) return rt_fail(err, "NATIVE_FAILED", errno, "prctl", "cannot drop capability %d from the bounding set", cap);
    }
    return 0;
}

int caps_set(uint64_t permitted, uint64_t effective, uint64_t inheritable, struct rt_error *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    for (int i = 0; i < 2; i++)
        data[i] = (struct __user_cap_data_struct){
            .permitted = (uint32_t)(permitted >> 32 * i), .effective = (uint32_t)(effective >> 32 * i), .inheritable = (uint32_t)(inheritable >> 32 * i)};
    if (syscall(SYS_capset, &header, data)) return rt_fail(err, "NATIVE_FAILED", errno, "capset", "cannot set the capabilities");
    return 0;
}

int caps_raise_ambient(uint64_t ambient, struct rt_error *err)
{
    for (int cap = 0; cap < 64; cap++)
        if ((ambient >> cap & 1) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0))
            return rt_fail(err, "NATIVE_FAILED", errno, "prctl", "cannot raise the ambient capability %s", caps_name(cap));
    return 0;
}

uint64_t caps_permitted(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    if (syscall(SYS_capget, &header, data)) return 0;
    return (uint64_t)data[1].permitted << 32 | data[0].permitted;
}
