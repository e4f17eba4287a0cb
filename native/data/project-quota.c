#include "data/project-quota.h"

#include <fcntl.h>
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/path.h"
#include "base/util.h"
#include "data/listing.h"

/* The upper half of what is a signed number to every tool: far above what people write into /etc/projid. */
#define FIRST_PROJECT 0x40000000u
#define PROJECTS 0x3fffffffu

/* Tries to draw a project that nobody has; two are rarely needed. */
#define DRAWS 16

/* The kernel counts limits in units of 1 KiB. */
#define UNIT_SHIFT 10

static int quota(int fd, unsigned command, uint32_t project, void *data)
{
    return (int)syscall(SYS_quotactl_fd, fd, QCMD(command, PRJQUOTA), project, data);
}

static bool is_ours(uint32_t project) { return project >= FIRST_PROJECT && project - FIRST_PROJECT < PROJECTS; }

static int open_directory(int dirfd, const char *name, struct rt_error *err)
{
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? path_fail(err, errno, "openat", name, "open the directory") : fd;
}

static int missing(struct rt_error *err, int errnum, const char *name, const char *why)
{
    return rt_fail_at(err, name, "FEATURE_MISSING", errnum, "quotactl_fd", "cannot bound '%s': %s", name, why);
}

/* ext4 keeps count of projects without a mount option, but only holds them to their limits with it. */
static int check_enforced(int fd, const char *name, struct rt_error *err)
{
    struct fs_quota_statv state = { .qs_version = FS_QSTATV_VERSION1 };
    if (quota(fd, Q_XGETQSTATV, 0, &state) < 0) {
        if (errno == EPERM) return missing(err, errno, name, "only root of the machine may set quotas");
        return missing(err, errno, name, "the file system has no quotas");
    }
    if (!(state.qs_flags & FS_QUOTA_PDQ_ENFD)) return missing(err, 0, name, "the file system enforces no project quotas");
    return 0;
}

static int set_project(int fd, const char *name, uint32_t project, struct rt_error *err)
{
    struct fsxattr attributes;
    if (ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0) return missing(err, errno, name, "its project cannot be read");
    attributes.fsx_projid = project;
    attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
    if (ioctl(fd, FS_IOC_FSSETXATTR, &attributes) < 0) return missing(err, errno, name, "its project cannot be set");
    return 0;
}

/* Makes `fd` the only member of a fresh project. Of two who draw the same at once both see two members, and draw again. */
static int draw_project(int fd, const char *name, uint32_t *project, struct rt_error *err)
{
    for (int i = 0; i < DRAWS; i++) {
        struct if_dqblk usage = { 0 };
        if (getrandom(project, sizeof *project, 0) != sizeof *project) return rt_fail(err, "NATIVE_FAILED", errno, "getrandom", "cannot draw a project id");
        *project = FIRST_PROJECT + *project % PROJECTS;
        if (set_project(fd, name, *project, err) < 0) return -1;
        if (quota(fd, Q_GETQUOTA, *project, &usage) < 0) return missing(err, errno, name, "the quota of a project cannot be read");
        if (usage.dqb_curinodes == 1 && usage.dqb_bhardlimit == 0 && usage.dqb_ihardlimit == 0) return 0;
    }
    return missing(err, 0, name, "no project id is free");
}

static int set_limit(int fd, const char *name, uint32_t project, uint64_t bytes, struct rt_error *err)
{
    uint64_t units = (bytes + (1u << UNIT_SHIFT) - 1) >> UNIT_SHIFT;
    struct if_dqblk limit = { .dqb_bhardlimit = units, .dqb_bsoftlimit = units, .dqb_valid = QIF_BLIMITS };
    if (quota(fd, Q_SETQUOTA, project, &limit) < 0) return missing(err, errno, name, "the limit of a project cannot be set");
    return 0;
}

int project_quota_set(int dirfd, const char *name, uint64_t bytes, struct rt_error *err)
{
    auto_listing struct listing names = { 0 };
    uint32_t project;
    auto_close int fd = open_directory(dirfd, name, err);
    if (fd < 0 || check_enforced(fd, name, err) < 0 || draw_project(fd, name, &project, err) < 0 || listing_read(fd, LISTING_BY_NAME, false, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        auto_close int child = open_directory(fd, names.entries[i].name, err);
        if (child < 0 || set_project(child, names.entries[i].name, project, err) < 0) return -1;
    }
    return set_limit(fd, name, project, bytes, err);
}

int project_quota_drop(int dirfd, const char *name, struct rt_error *err)
{
    struct fsxattr attributes;
    auto_close int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : path_fail(err, errno, "openat", name, "open the directory");
    /* A file system without projects answers with an error. */
    if (ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0 || !(attributes.fsx_xflags & FS_XFLAG_PROJINHERIT) || !is_ours(attributes.fsx_projid)) return 0;
    int status = set_limit(fd, name, attributes.fsx_projid, 0, err);
    if (status < 0 && (err->saved_errno == ESRCH || err->saved_errno == ENOSYS)) {
        /* It is mounted without quotas by now, so that there is no limit to take away. */
        *err = (struct rt_error){ 0 };
        return 0;
    }
    return status;
}
