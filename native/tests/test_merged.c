#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/json.h"
#include "data/tree.h"
#include "base/userns.h"
#include "base/util.h"
#include "data/commit.h"
#include "data/merged.h"
#include "data/remove-tree.h"
#include "data/whiteout.h"
#include "tests/check.h"

/* The copy driver: layers merged into directories, and the layer that is found in what was changed there. */

static char scratch[] = "/tmp/tsbuild-merged-XXXXXX";

static void put(const char *path, const char *content)
{
    auto_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    CHECK(fd >= 0 && write_all(fd, content, strlen(content)) == 0);
}

static void check_content(const char *path, const char *want)
{
    char content[64] = "";
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) fprintf(stderr, "%s\n", path);
    CHECK(fd >= 0 && read_all(fd, content, sizeof content - 1) >= 0);
    CHECK_STR(content, want);
}

static bool whiteout_at(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && is_whiteout(&st);
}

static bool opaque_at(const char *path)
{
    auto_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && is_opaque(fd, opaque_name());
}

static ino_t inode_of(const char *path)
{
    struct stat st;
    CHECK(lstat(path, &st) == 0);
    return st.st_ino;
}

static void make_opaque(const char *path)
{
    CHECK(setxattr(path, opaque_name(), "y", 1, 0) == 0);
}

static void mark_deleted(const char *path)
{
    CHECK(whiteout_make(AT_FDCWD, path) == 0);
}

/* Two layers of the same names: what lies above hides, replaces, deletes. */
static void make_layers(void)
{
    CHECK(mkdir("1", 0755) == 0 && mkdir("1/fs", 0755) == 0 && mkdir("2", 0755) == 0 && mkdir("2/fs", 0750) == 0);
    CHECK(mkdir("1/fs/d", 0755) == 0 && mkdir("1/fs/d/sub", 0755) == 0 && mkdir("1/fs/hidden", 0755) == 0 && mkdir("1/fs/was-dir", 0755) == 0);
    put("1/fs/a", "a of 1");
    put("1/fs/gone", "");
    put("1/fs/d/x", "x of 1");
    put("1/fs/d/sub/deep", "deep");
    put("1/fs/hidden/below", "");
    put("1/fs/was-dir/in", "");
    put("1/fs/was-file", "");
    CHECK(link("1/fs/d/x", "1/fs/linked") == 0 && symlink("a", "1/fs/symlink") == 0 && mkfifo("1/fs/fifo", 0600) == 0);
    CHECK(setxattr("1/fs/a", "user.kept", "value", 5, 0) == 0 || errno == ENOTSUP);
    CHECK(mkdir("2/fs/d", 0711) == 0 && mkdir("2/fs/hidden", 0755) == 0 && mkdir("2/fs/was-file", 0755) == 0);
    put("2/fs/d/y", "y of 2");
    put("2/fs/was-dir", "a file now");
    put("2/fs/hidden/above", "");
    make_opaque("2/fs/hidden");
    mark_deleted("2/fs/gone");
    CHECK(mknod("2/fs/socket", S_IFSOCK | 0600, 0) == 0);
}

static struct tree tree_of(const char *upper)
{
    struct tree tree = { .lower = calloc(2, sizeof(char *)), .lower_count = 2 };
    CHECK(tree.lower && asprintf(&tree.lower[0], "%s/2/fs", scratch) > 0 && asprintf(&tree.lower[1], "%s/1/fs", scratch) > 0);
    CHECK(asprintf(&tree.view, "%s/2/view", scratch) > 0);
    if (!upper) return tree;
    CHECK(mkdir(upper, 0755) == 0);
    CHECK(asprintf(&tree.upper, "%s/%s/fs", scratch, upper) > 0 && asprintf(&tree.work, "%s/%s/work", scratch, upper) > 0 && asprintf(&tree.copy, "%s/%s/tree", scratch, upper) > 0);
    CHECK(mkdir(tree.upper, 0755) == 0 && mkdir(tree.work, 0700) == 0);
    return tree;
}

static void check_merged(const char *root)
{
    struct stat st;
    CHECK(chdir(root) == 0);
    check_content("a", "a of 1");
    check_content("d/x", "x of 1");
    check_content("d/y", "y of 2");
    check_content("d/sub/deep", "deep");
    check_content("was-dir", "a file now");
    CHECK(access("gone", F_OK) < 0 && access("hidden/below", F_OK) < 0 && access("hidden/above", F_OK) == 0 && lstat("socket", &st) < 0);
    CHECK(stat("d", &st) == 0 && (st.st_mode & 07777) == 0711 && stat(".", &st) == 0 && (st.st_mode & 07777) == 0750);
    CHECK(stat("was-file", &st) == 0 && S_ISDIR(st.st_mode) && lstat("symlink", &st) == 0 && S_ISLNK(st.st_mode) && lstat("fifo", &st) == 0 && S_ISFIFO(st.st_mode));
    CHECK(inode_of("d/x") == inode_of("linked"));
    CHECK(chdir(scratch) == 0);
}

/* A view is made once, of the layers' own files. */
static void check_view(void)
{
    struct rt_error err = { 0 };
    auto_tree struct tree tree = tree_of(NULL);
    for (int turn = 0; turn < 2; turn++) {
        auto_close int root = -1;
        if (tree_open(&tree, 0, &root, &err) < 0) fprintf(stderr, "%s\n", err.message);
        CHECK(root >= 0);
        check_merged("2/view/root");
    }
    CHECK(inode_of("2/view/root/a") == inode_of("1/fs/a"));
}

static void change(const char *root)
{
    CHECK(chdir(root) == 0);
    put("a", "written to");
    put("new", "new");
    CHECK(chmod("was-dir", 0600) == 0 && unlink("d/y") == 0);
    CHECK(unlink("hidden/above") == 0 && rmdir("hidden") == 0 && mkdir("hidden", 0755) == 0);
    CHECK(unlink("d/sub/deep") == 0 && rmdir("d/sub") == 0);
    put("d/sub", "a file now");
    CHECK(rmdir("was-file") == 0 && mkdir("made", 0700) == 0 && chmod("fifo", 0600) == 0);
    CHECK(mknod("made/socket", S_IFSOCK | 0600, 0) == 0);
    CHECK(chdir(scratch) == 0);
}

static void check_upper(const char *upper)
{
    struct stat st;
    CHECK(chdir(upper) == 0);
    check_content("a", "written to");
    check_content("new", "new");
    check_content("d/sub", "a file now");
    CHECK(whiteout_at("d/y") && whiteout_at("was-file") && opaque_at("hidden") && !opaque_at("made") && !opaque_at("d"));
    CHECK(stat("was-dir", &st) == 0 && (st.st_mode & 07777) == 0600);
    CHECK(access("d/x", F_OK) < 0 && access("linked", F_OK) < 0 && access("symlink", F_OK) < 0 && lstat("made/socket", &st) < 0);
    CHECK(chdir(scratch) == 0);
}

/* What a process changed in its copy becomes the upper directory; neither the layers nor the view notice. */
static void check_copy(void)
{
    struct rt_error err = { 0 };
    auto_tree struct tree tree = tree_of("3");
    struct upper upper;
    const struct commit_options options = { .wanted = true };
    struct layer_facts now, facts;
    int root = -1;
    CHECK(merged_open(&tree, TREE_MOUNT | TREE_WRITE, &root, &err) == 0 && close(root) == 0);
    check_merged("3/tree/root");
    CHECK(inode_of("3/tree/root/a") != inode_of("1/fs/a"));
    char value[8];
    CHECK(getxattr("3/tree/root/a", "user.kept", value, sizeof value) == 5 || errno == ENODATA || errno == ENOTSUP);
    change("3/tree/root");
    /* In use: looked at, and left as it is. */
    CHECK(upper_open(&tree, &upper, &err) == 0);
    check_upper(upper.made);
    CHECK(upper_close(&upper, &err) == 0);
    check_content("3/tree/root/a", "written to");
    CHECK(layer_commit(&tree, &options, &facts, &err) == 0);
    check_upper("3/fs");
    CHECK(access("3/tree", F_OK) < 0 && whiteout_at("3/fs/d/y"));
    check_content("1/fs/a", "a of 1");
    check_merged("2/view/root");
    /* The layer above is the same to who merges it. */
    CHECK(layer_commit(&tree, &options, &now, &err) == 0);
    CHECK_STR(now.diff_id, facts.diff_id);
}

/* A plan that puts files in place works on links, and settles them. */
static void check_links(void)
{
    struct rt_error err = { 0 };
    auto_tree struct tree tree = tree_of("4");
    int root = -1;
    for (int turn = 0; turn < 2; turn++) {
        CHECK(tree_open(&tree, TREE_WRITE, &root, &err) == 0 && close(root) == 0);
        CHECK(chdir("4/tree/root") == 0 && inode_of("was-dir") == inode_of("../../../2/fs/was-dir"));
        if (turn == 0) CHECK(unlink("a") == 0 && rename("d/y", "d/z") == 0);
        put(turn == 0 ? "a" : "b", "placed");
        CHECK(chdir(scratch) == 0 && merged_settle(&tree, false, &err) == 0 && access("4/tree", F_OK) < 0);
    }
    check_content("4/fs/a", "placed");
    check_content("4/fs/b", "placed");
    check_content("4/fs/d/z", "y of 2");
    CHECK(whiteout_at("4/fs/d/y") && access("4/fs/was-dir", F_OK) < 0);
    check_content("1/fs/a", "a of 1");
    /* A process that comes afterwards finds all of it, and owns what it finds. */
    CHECK(merged_open(&tree, TREE_MOUNT | TREE_WRITE, &root, &err) == 0 && close(root) == 0);
    check_content("4/tree/root/b", "placed");
    CHECK(inode_of("4/tree/root/was-dir") != inode_of("2/fs/was-dir") && access("4/tree/root/d/y", F_OK) < 0);
    CHECK(merged_settle(&tree, false, &err) == 0 && access("4/tree/root", F_OK) == 0);
    CHECK(merged_settle(&tree, true, &err) == 0);
    check_content("4/fs/a", "placed");
    CHECK(access("4/fs/was-dir", F_OK) < 0);
}

/* A plan was killed with its links in place: a process must not get them. */
static void check_killed(void)
{
    struct rt_error err = { 0 };
    auto_tree struct tree tree = tree_of("5");
    int root = -1;
    CHECK(tree_open(&tree, TREE_WRITE, &root, &err) == 0 && close(root) == 0);
    put("5/tree/root/placed", "");
    CHECK(merged_open(&tree, TREE_MOUNT | TREE_WRITE, &root, &err) == 0 && close(root) == 0);
    CHECK(access("5/tree/root/placed", F_OK) == 0 && inode_of("5/tree/root/a") != inode_of("1/fs/a"));
}

/* Files with several names: one that is only read is no change, one that is written to has all of them. */
static void check_names(void)
{
    struct rt_error err = { 0 };
    auto_tree struct tree tree = tree_of("6");
    int root = -1;
    CHECK(merged_open(&tree, TREE_MOUNT | TREE_WRITE, &root, &err) == 0 && close(root) == 0);
    CHECK(merged_settle(&tree, true, &err) == 0 && access("6/fs/linked", F_OK) < 0 && access("6/fs/d", F_OK) < 0);
    CHECK(merged_open(&tree, TREE_MOUNT | TREE_WRITE, &root, &err) == 0 && close(root) == 0);
    CHECK(link("6/tree/root/was-dir", "6/tree/root/second") == 0);
    put("6/tree/root/linked", "written to");
    CHECK(merged_settle(&tree, true, &err) == 0);
    CHECK(inode_of("6/fs/linked") == inode_of("6/fs/d/x") && inode_of("6/fs/second") == inode_of("6/fs/was-dir"));
    check_content("1/fs/d/x", "x of 1");
}

/* A tmpfs does not notice what is written through a map. */
static void check_map(void)
{
    struct rt_error err = { 0 };
    auto_tree struct tree tree = tree_of("7");
    int root = -1;
    CHECK(merged_open(&tree, TREE_MOUNT | TREE_WRITE, &root, &err) == 0 && close(root) == 0);
    int fd = open("7/tree/root/a", O_RDWR | O_CLOEXEC);
    char *map = mmap(NULL, 6, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(fd >= 0 && map != MAP_FAILED);
    memcpy(map, "b of 1", 6);
    CHECK(munmap(map, 6) == 0 && close(fd) == 0 && merged_settle(&tree, true, &err) == 0);
    check_content("7/fs/a", "b of 1");
    CHECK(access("7/fs/d", F_OK) < 0 && access("7/fs/linked", F_OK) < 0);
}

static void check_all(void)
{
    struct rt_error err = { 0 };
    make_layers();
    check_view();
    check_copy();
    check_links();
    check_killed();
    check_names();
    check_map();
    for (char name[] = "1"; name[0] <= '7'; name[0]++) CHECK(remove_tree(AT_FDCWD, name, NULL, &err) == 0);
}

int main(void)
{
    umask(0);
    if (geteuid() != 0) SKIP("owners and nodes of layers need root");
    CHECK(mkdtemp(scratch) && chdir(scratch) == 0);
    check_all();
    /* The same on a tmpfs, in a mount namespace of its own. */
    if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mount("tmpfs", scratch, "tmpfs", 0, NULL) == 0) {
        CHECK(chdir(scratch) == 0);
        check_all();
        CHECK(chdir("/") == 0 && umount2(scratch, MNT_DETACH) == 0);
    } else printf("skipped: a tmpfs cannot be mounted here\n");
    CHECK(chdir("/") == 0 && rmdir(scratch) == 0);
    return 0;
}
