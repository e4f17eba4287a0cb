#pragma once
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* <linux/mount.h> and <sys/mount.h> cannot be included together before glibc 2.37. */
enum { CONFIG_CREATE = 6 /* FSCONFIG_CMD_CREATE */ };

/* A directory of a file system that has no name anywhere: it is gone with the process, however that ends. */
static inline int fuzz_directory(void)
{
    if (geteuid() != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) abort();
    int fs = (int)syscall(SYS_fsopen, "tmpfs", 0);
    if (fs < 0 || syscall(SYS_fsconfig, fs, CONFIG_CREATE, NULL, NULL, 0) < 0) abort();
    int directory = (int)syscall(SYS_fsmount, fs, 0, 0);
    if (directory < 0) abort();
    close(fs);
    return directory;
}
