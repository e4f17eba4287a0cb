#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/path.h"
#include "base/util.h"
#include "tests/check.h"
#include "tests/no-syscall.h"

/* A root beside a secret that nothing may reach. */
static char scratch[] = "/tmp/tsbuild-path-XXXXXX";
static int root;

static void put(int dir, const char *path, const char *content)
{
    auto_close int fd = openat(dir, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    CHECK(fd >= 0 && write_all(fd, content, strlen(content)) == 0);
}

static void set_up(void)
{
    CHECK(mkdtemp(scratch));
    CHECK(chdir(scratch) == 0);
    put(AT_FDCWD, "secret", "outside");
    CHECK(mkdir("root", 0755) == 0 && mkdir("root/etc", 0755) == 0 && mkdir("root/a", 0755) == 0 && mkdir("root/a/b", 0755) == 0);
    root = open("root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    put(root, "etc/file", "inside");
    put(root, "secret", "inner");
    CHECK(symlinkat("/etc", root, "abs") == 0);
    CHECK(symlinkat("../../../../etc", root, "a/up") == 0);
    CHECK(symlinkat("../../secret", root, "a/escape") == 0);
    CHECK(symlinkat("loop2", root, "loop") == 0 && symlinkat("loop", root, "loop2") == 0);
    CHECK(symlinkat("/new/place", root, "dangling") == 0);
    CHECK(symlinkat("etc/", root, "slashed") == 0);
    char target[128];
    snprintf(target, sizeof target, "/proc/self/fd/%d", open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    CHECK(symlinkat(target, root, "magic") == 0);
}

struct open_case {
    const char *path;
    int flags;
    const char *content; /* NULL: errnum */
    int errnum;
};

static const struct open_case open_cases[] = {
    { "etc/file", O_RDONLY, "inside", 0 },
    { "/etc/file", O_RDONLY, "inside", 0 },
    { "//etc/./file", O_RDONLY, "inside", 0 },
    { "/../../etc/file", O_RDONLY, "inside", 0 },
    { "a/../etc/file", O_RDONLY, "inside", 0 },
    { "a/b/../../etc/file", O_RDONLY, "inside", 0 },
    { "abs/file", O_RDONLY, "inside", 0 },
    { "a/up/file", O_RDONLY, "inside", 0 },
    { "slashed/file", O_RDONLY, "inside", 0 },
    { "a/escape", O_RDONLY, "inner", 0 },
    { "a/b/../escape", O_RDONLY, "inner", 0 },
    { "../secret", O_RDONLY, "inner", 0 },
    { "loop", O_RDONLY, NULL, ELOOP },
    { "loop/x", O_RDONLY, NULL, ELOOP },
    { "a/escape", O_RDONLY | O_NOFOLLOW, NULL, ELOOP },
    { "missing", O_RDONLY, NULL, ENOENT },
    { "missing/x", O_RDONLY, NULL, ENOENT },
    { "dangling", O_RDONLY, NULL, ENOENT },
    { "etc/file/x", O_RDONLY, NULL, ENOTDIR },
    { "etc/file/..", O_RDONLY, NULL, ENOTDIR },
    { "etc/file/", O_RDONLY, NULL, ENOTDIR },
    { "magic/secret", O_RDONLY, NULL, 0 }, /* ENOENT or ELOOP, but never the file */
};

typedef int opener(int rootfd, const char *path, int flags, mode_t mode);

static void check_opens(opener *open_path)
{
    for (size_t i = 0; i < ARRAY_LEN(open_cases); i++) {
        const struct open_case *each = &open_cases[i];
        auto_close int fd = open_path(root, each->path, each->flags, 0);
        char content[32] = "";
        if (!each->content) {
            if (fd >= 0 || (each->errnum && errno != each->errnum)) fprintf(stderr, "%s: fd %d, %s\n", each->path, fd, strerror(errno));
            CHECK(fd < 0 && (!each->errnum || errno == each->errnum));
            continue;
        }
        if (fd < 0) fprintf(stderr, "%s: %s\n", each->path, strerror(errno));
        CHECK(fd >= 0 && read_all(fd, content, sizeof content - 1) > 0);
        CHECK_STR(content, each->content);
    }
    auto_close int whole = open_path(root, "", O_PATH | O_DIRECTORY, 0), slash = open_path(root, "/", O_PATH | O_DIRECTORY, 0), up = open_path(root, "..", O_PATH | O_DIRECTORY, 0);
    struct stat st, other;
    CHECK(fstat(root, &st) == 0);
    const int all[] = { whole, slash, up };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) CHECK(fstat(all[i], &other) == 0 && st.st_ino == other.st_ino);
    auto_close int made = open_path(root, "abs/made", O_WRONLY | O_CREAT | O_EXCL, 0600);
    CHECK(made >= 0 && faccessat(root, "etc/made", F_OK, 0) == 0 && unlinkat(root, "etc/made", 0) == 0);
    auto_close int again = open_path(root, "etc/file", O_WRONLY | O_CREAT | O_EXCL, 0600);
    CHECK(again < 0 && errno == EEXIST);
}

static int count_made(int fd, const char *path, void *arg, struct rt_error *err)
{
    (void)err;
    CHECK(fd >= 0 && path[0] != '/');
    ++*(int *)arg;
    return 0;
}

static void check_mkdirs(void)
{
    struct rt_error err = { 0 };
    int made = 0;
    auto_close int fd = mkdirs_in_root(root, "/a/b/c/d", 0750, count_made, &made, &err);
    struct stat st;
    CHECK(fd >= 0 && made == 2 && fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0750);
    auto_close int linked = mkdirs_in_root(root, "a/up/below", 0755, NULL, NULL, &err);
    CHECK(linked >= 0 && faccessat(root, "etc/below", F_OK, 0) == 0);
    auto_close int dangling = mkdirs_in_root(root, "dangling/x", 0755, NULL, NULL, &err);
    CHECK(dangling >= 0 && faccessat(root, "new/place/x", F_OK, 0) == 0);
    CHECK(mkdirs_in_root(root, "etc/file/x", 0755, NULL, NULL, &err) == -1);
    CHECK_STR(err.code, "NOT_A_DIRECTORY");
    CHECK(mkdirs_in_root(root, "loop/x", 0755, NULL, NULL, &err) == -1 && err.saved_errno == ELOOP);
    auto_close int up = mkdirs_in_root(root, "../../outside", 0755, NULL, NULL, &err);
    CHECK(up >= 0 && faccessat(root, "outside", F_OK, 0) == 0 && access("outside", F_OK) < 0);
}

static void check_resolve(void)
{
    static const struct {
        const char *path, *name, *dir;
    } cases[] = {
        { "etc/file", "file", "etc" }, { "a/escape", "secret", "" }, { "abs/none", "none", "etc" }, { "a/up", "etc", "" },
        { "/", ".", "" },              { "deep/er/x", "x", "deep/er" }, { "a/b/..", ".", "a" },
    };
    struct rt_error err = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_free char *name = NULL;
        auto_close int fd = resolve_in_root(root, cases[i].path, 0755, NULL, NULL, &name, &err);
        if (fd < 0) fprintf(stderr, "%s: %s\n", cases[i].path, err.message);
        CHECK(fd >= 0);
        auto_free char *dir = path_below_root(root, fd, &err);
        CHECK_STR(name, cases[i].name);
        CHECK_STR(dir, cases[i].dir);
    }
}

static void check_parent(void)
{
    struct rt_error err = { 0 };
    const char *name;
    auto_close int etc = open_parent_in_root(root, "abs/file", &name, &err);
    CHECK(etc >= 0 && strcmp(name, "file") == 0 && faccessat(etc, name, F_OK, 0) == 0);
    auto_close int top = open_parent_in_root(root, "/", &name, &err);
    CHECK(top >= 0 && strcmp(name, ".") == 0);
    auto_close int dots = open_parent_in_root(root, "a/b/..", &name, &err);
    CHECK(dots >= 0 && strcmp(name, ".") == 0);
    CHECK(open_parent_in_root(root, "none/x", &name, &err) == -1);
    CHECK_STR(err.code, "PATH_MISSING");
}

static void check_strict(void)
{
    static const struct {
        const char *path;
        int errnum;
    } cases[] = { { "a/b", 0 }, { "", 0 }, { "abs", ENOTDIR }, { "a/up", ENOTDIR }, { "none", ENOENT }, { "etc/file", ENOTDIR }, { "a/../etc", EXDEV }, { "..", EXDEV }, { "/etc", EXDEV } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_close int fd = try_open_directory_strictly(root, cases[i].path, O_RDONLY);
        bool dots = strcmp(cases[i].path, "a/../etc") == 0; /* openat2 allows ".." that stays beneath, the walk does not */
        bool link = cases[i].errnum == ENOTDIR && errno == ELOOP;
        if (!dots && cases[i].errnum ? fd >= 0 || (errno != cases[i].errnum && !link) : fd < 0 && !dots) {
            fprintf(stderr, "%s: fd %d, %s\n", cases[i].path, fd, strerror(errno));
            exit(1);
        }
    }
}

static void check_clean(void)
{
    static const char *const cases[][2] = { { "", "" }, { "/", "" }, { "./a//b/", "a/b" }, { "a/./../b", "b" }, { "../../x", "x" }, { "a/b/../../..", "" }, { "...", "..." }, { "a/..b", "a/..b" } };
    struct rt_error err;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_free char *clean = path_clean(cases[i][0], &err);
        CHECK_STR(clean, cases[i][1]);
    }
    CHECK(is_file_name("a") && is_file_name("...") && !is_file_name("") && !is_file_name(".") && !is_file_name("..") && !is_file_name("a/b"));
}

static void check_all(void)
{
    check_opens(try_open_in_root);
    check_opens(walk_open_in_root);
    check_mkdirs();
    check_resolve();
    check_parent();
    check_strict();
}

int main(void)
{
    umask(0);
    set_up();
    check_clean();
    pid_t child = fork();
    if (child == 0) {
        forget_syscall(SYS_openat2);
        CHECK(syscall(SYS_openat2, root, ".", NULL, 0) < 0 && errno == ENOSYS);
        check_all();
        exit(0);
    }
    int status;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    CHECK(system("rm -rf root/a/b/c root/etc/below root/new root/outside root/deep") == 0);
    check_all();
    auto_close int secret = open("secret", O_RDONLY | O_CLOEXEC);
    char content[16] = "";
    CHECK(read_all(secret, content, sizeof content - 1) > 0);
    CHECK_STR(content, "outside");
    CHECK(chdir("/") == 0);
    auto_free char *command = NULL;
    CHECK(asprintf(&command, "rm -rf %s", scratch) > 0 && system(command) == 0);
    return 0;
}
