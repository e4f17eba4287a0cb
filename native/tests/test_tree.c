#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/path.h"
#include "data/tree.h"
#include "base/util.h"
#include "tests/check.h"
#include "tests/no-syscall.h"

static char scratch[] = "/tmp/tsbuild-tree-XXXXXX";

static void put(const char *path, const char *content)
{
    auto_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    CHECK(fd >= 0 && write_all(fd, content, strlen(content)) == 0);
}

static void check_content(int root, const char *path, const char *want)
{
    struct rt_error err;
    char content[64] = "";
    auto_close int fd = open_in_root(root, path, O_RDONLY, 0, &err);
    CHECK(fd >= 0 && read_all(fd, content, sizeof content - 1) >= 0);
    CHECK_STR(content, want);
}

static void parse(const char *format, struct tree *tree)
{
    struct rt_error err;
    auto_free char *text = NULL;
    CHECK(asprintf(&text, "{\"tree\":%s}", format) > 0);
    for (char *at = text; *at; at++)
        if (*at == '\'') *at = '"';
    auto_json json_t *json = json_parse(text, strlen(text), "PLAN_INVALID", "tree", &err);
    CHECK(json && tree_req(json, "tree", tree, &err) == 0);
}

static size_t count_mounts(void)
{
    auto_file FILE *file = fopen("/proc/self/mountinfo", "re");
    auto_free char *line = NULL;
    size_t size = 0, count = 0;
    while (file && getline(&line, &size, file) > 0) count++;
    return count;
}

/* A view can be mounted: it becomes the root of a container. */
static void check_attached(const struct tree *tree)
{
    struct rt_error err = { 0 };
    auto_close int root = -1;
    CHECK(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    CHECK(tree_open(tree, TREE_WRITE, &root, &err) == 0);
    CHECK(mkdir("place", 0755) == 0 || errno == EEXIST);
    CHECK(syscall(SYS_move_mount, root, "", AT_FDCWD, "place", MOVE_MOUNT_F_EMPTY_PATH) == 0);
    check_content(AT_FDCWD, "place/both", "from b");
    CHECK(umount2("place", MNT_DETACH) == 0);
}

/* A merged view: read, write, and nothing to be seen of it anywhere. */
static void check_views(void)
{
    struct rt_error err = { 0 };
    auto_free char *text = NULL;
    auto_tree struct tree tree = { 0 };
    CHECK(asprintf(&text, "{'kind':'layers','lower':['%1$s/b:odd,name','%1$s/a'],'upper':'%1$s/up','work':'%1$s/work','volatile':true}", scratch) > 0);
    parse(text, &tree);
    size_t before = count_mounts();
    for (int turn = 0; turn < 2; turn++) { /* the second time the work directory was used before */
        auto_close int root = -1;
        if (tree_open(&tree, TREE_WRITE, &root, &err) < 0) fprintf(stderr, "%s\n", err.message);
        CHECK(root >= 0 && count_mounts() == before);
        check_content(root, "both", "from b");
        check_content(root, "only-a", "from a");
        auto_close int fd = open_in_root(root, "new", O_WRONLY | O_CREAT, 0644, &err);
        CHECK(fd >= 0);
    }
    CHECK(access("up/new", F_OK) == 0 && access("a/new", F_OK) < 0);
    check_attached(&tree);
}

static void check_faults(void)
{
    struct rt_error err = { 0 };
    int root = -1;
    auto_tree struct tree missing = { 0 }, read_only = { 0 };
    parse("{'kind':'layers','lower':['/nowhere/1','/nowhere/2']}", &missing);
    CHECK(tree_open(&missing, 0, &root, &err) == -1);
    CHECK_STR(err.code, "PATH_MISSING");
    parse("{'kind':'layers','lower':['/tmp']}", &read_only);
    CHECK(tree_is_raw(&read_only) && tree_open(&read_only, TREE_WRITE, &root, &err) == -1);
    CHECK_STR(err.code, "PLAN_INVALID");
    CHECK(tree_open(&read_only, 0, &root, &err) == 0 && close(root) == 0);
}

/* A long stack: the option string of old mount(2) calls would not hold the paths. */
static void check_many_layers(size_t count)
{
    struct rt_error err = { 0 };
    auto_buf struct buf text = { 0 };
    auto_tree struct tree tree = { 0 };
    CHECK(buf_str(&text, "{'kind':'layers','lower':[", &err) == 0);
    for (size_t i = 0; i < count; i++) {
        auto_free char *path = NULL;
        CHECK(asprintf(&path, "%s/layers-with-a-long-name-of-their-own/%zu", scratch, i) > 0 && mkdir(path, 0755) == 0);
        CHECK(buf_printf(&text, &err, "%s'%s'", i ? "," : "", path) == 0);
        auto_free char *file = NULL;
        CHECK(asprintf(&file, "%s/f%zu", path, i) > 0);
        put(file, "x");
    }
    CHECK(buf_str(&text, "]}", &err) == 0);
    parse(text.data, &tree);
    auto_close int root = -1;
    if (tree_open(&tree, 0, &root, &err) < 0) fprintf(stderr, "%s\n", err.message);
    CHECK(root >= 0);
    check_content(root, "f0", "x");
    auto_free char *last = NULL;
    CHECK(asprintf(&last, "f%zu", count - 1) > 0);
    check_content(root, last, "x");
}

static void in_child(void (*check)(void), unsigned forgotten)
{
    pid_t child = fork();
    if (child == 0) {
        if (forgotten) forget_syscall(forgotten);
        check();
        exit(0);
    }
    int status;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

static void check_200_layers(void)
{
    check_many_layers(200);
}

static void check_120_layers(void)
{
    check_many_layers(120);
}

int main(void)
{
    if (geteuid() != 0) SKIP("mounting an overlay needs root");
    CHECK(mkdtemp(scratch) && chdir(scratch) == 0);
    CHECK(mkdir("a", 0755) == 0 && mkdir("b:odd,name", 0755) == 0 && mkdir("up", 0755) == 0 && mkdir("work", 0755) == 0);
    CHECK(mkdir("layers-with-a-long-name-of-their-own", 0755) == 0);
    put("a/both", "from a");
    put("a/only-a", "from a");
    put("b:odd,name/both", "from b");
    in_child(check_views, 0);
    in_child(check_faults, 0);
    in_child(check_200_layers, 0);
    CHECK(system("rm -rf up work layers-with-a-long-name-of-their-own/*; mkdir up work") == 0);
    in_child(check_views, SYS_fsopen); /* as on kernels before 5.2, and as the way of those without lowerdir+ */
    in_child(check_120_layers, SYS_fsopen);
    auto_free char *command = NULL;
    CHECK(chdir("/") == 0 && asprintf(&command, "rm -rf %s", scratch) > 0 && system(command) == 0);
    return 0;
}
