#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/util.h"
#include "data/scan.h"
#include "tests/check.h"

static char scratch[] = "/tmp/tsbuild-scan-XXXXXX";

static void make_directory(const char *path)
{
    CHECK(mkdir(path, 0755) == 0);
}

static void make_file(const char *path)
{
    auto_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    CHECK(fd >= 0);
}

/* Directories of all widths and depths: some with nothing, one with more names than a part of it has, and chains; names that sort in other ways than they are made. */
static void make_tree(int depth, unsigned *seed)
{
    char name[32];
    const unsigned wide = depth == 2 && *seed % 7 == 0 ? 300 : *seed % 9;
    for (unsigned i = 0; i < wide; i++) {
        snprintf(name, sizeof name, "%c%u", "fFz."[i % 4], i * 7919 % 1000);
        make_file(name);
    }
    for (unsigned i = 0; depth > 0 && i < (depth > 3 ? 6 : 3); i++) {
        *seed = *seed * 1103515245 + 12345;
        snprintf(name, sizeof name, "%c%u", "dGa"[i % 3], (*seed >> 16) % 50 + 50 * i);
        make_directory(name);
        CHECK(chdir(name) == 0);
        make_tree(depth - 1 - (int)(*seed >> 20) % 2, seed);
        CHECK(chdir("..") == 0);
    }
}

/* What is visited, one path a line; and what was done on the way. */
struct seen {
    struct buf paths;
    size_t count, most_open; /* visits, descriptors */
    bool looks;       /* opens what it visits */
};

static size_t open_descriptors(void)
{
    auto_dir DIR *dir = opendir("/proc/self/fd");
    size_t count = 0;
    CHECK(dir);
    while (readdir(dir)) count++;
    return count;
}

static int see(void *arg, const struct scan_entry *entry, struct rt_error *err)
{
    struct seen *seen = arg;
    if (seen->looks) {
        struct stat st;
        CHECK(fstatat(entry->dirfd, entry->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == entry->st.st_ino && st.st_mode == entry->st.st_mode);
        const size_t count = seen->count++ % 16 == 0 ? open_descriptors() : 0;
        if (count > seen->most_open) seen->most_open = count;
    } else if (S_ISREG(entry->st.st_mode)) {
        CHECK(entry->content && entry->content->digest[0] == (uint8_t)strlen(entry->path)); /* what `read_length` gave for this very path */
    }
    return buf_printf(&seen->paths, err, "%s\n", entry->path);
}

static int read_length(void *arg, const struct scan_entry *entry, const atomic_bool *stop, struct scan_content *out, struct rt_error *err)
{
    (void)arg;
    (void)stop;
    (void)err;
    out->digest[0] = (uint8_t)strlen(entry->path);
    return 0;
}

static int read_but_some(void *arg, const struct scan_entry *entry, const atomic_bool *stop, struct scan_content *out, struct rt_error *err)
{
    if (strstr(entry->path, "/z")) return rt_fail_at(err, entry->path, "NATIVE_FAILED", EIO, "read", "cannot read '%s'", entry->path);
    return read_length(arg, entry, stop, out, err);
}

/* The same, without any of it: reads every directory at its turn. */
static void reference(const char *path, const char *hidden, struct buf *out)
{
    struct rt_error err;
    struct dirent **names;
    struct stat st;
    auto_free char *rooted = rt_printf(&err, "/%s", path);
    if (hidden && strstr(rooted, hidden)) return;
    CHECK(buf_printf(out, &err, "%s\n", path) == 0 && lstat(*path ? path : ".", &st) == 0);
    if (!S_ISDIR(st.st_mode)) return;
    int count = scandir(*path ? path : ".", &names, NULL, NULL);
    CHECK(count >= 0);
    for (int i = 1; i < count; i++) /* by bytes */
        for (int k = i; k > 0 && strcmp(names[k - 1]->d_name, names[k]->d_name) > 0; k--) {
            struct dirent *swap = names[k];
            names[k] = names[k - 1];
            names[k - 1] = swap;
        }
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i]->d_name, ".") != 0 && strcmp(names[i]->d_name, "..") != 0) {
            auto_free char *below = rt_printf(&err, "%s%s%s", path, *path ? "/" : "", names[i]->d_name);
            reference(below, hidden, out);
        }
        free(names[i]);
    }
    free(names);
}

static int scan_tree(const struct ignore *ignore, scan_read *content, struct seen *seen, struct rt_error *err)
{
    const struct ignore none = { 0 };
    auto_close int root = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    const struct scan scan = { .root = root, .ignore = ignore ? ignore : &none, .exclude = &none, .read = content };
    struct scan_result result;
    *seen = (struct seen){ .looks = content == NULL };
    const int status = scan_source(&scan, "", 0, see, seen, &result, err);
    CHECK(status < 0 || result.outcome == SCAN_FOUND);
    return status;
}

static void check_order(const struct ignore *ignore, const char *want)
{
    scan_read *const reads[] = { NULL, read_length };
    for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
        struct rt_error err;
        struct seen seen;
        CHECK(scan_tree(ignore, reads[i], &seen, &err) == 0);
        CHECK(strcmp(seen.paths.data, want) == 0);
        buf_free(&seen.paths);
    }
}

/* The failure that comes first in the order of the scan ends it, after all that lies before. */
static void check_failure(const char *all)
{
    struct rt_error err;
    struct seen seen;
    CHECK(scan_tree(NULL, read_but_some, &seen, &err) < 0);
    const char *first = strstr(all, "/z");
    CHECK(first);
    while (first > all && first[-1] != '\n') first--;
    const size_t before = (size_t)(first - all), length = strcspn(first, "\n");
    CHECK(strlen(err.path) == length && strncmp(err.path, first, length) == 0);
    CHECK(seen.paths.size == before && memcmp(seen.paths.data, all, before) == 0);
    buf_free(&seen.paths);
}

static void check_descriptors(size_t depth)
{
    struct rt_error err;
    struct seen seen;
    const size_t before = open_descriptors();
    CHECK(scan_tree(NULL, NULL, &seen, &err) == 0);
    CHECK(seen.most_open <= before + depth + 80);
    CHECK(open_descriptors() == before);
    buf_free(&seen.paths);
}

static void check_tree(void)
{
    struct rt_error err;
    auto_buf struct buf all = { 0 }, shown = { 0 };
    struct ignore ignore;
    static const char text[] = "{\"ignore\":{\"patterns\":[{\"negate\":false,\"segments\":[\"**\",[[\"lit\",\"G5\"],[\"star\"]]]}]}}";
    auto_json json_t *json = json_parse(text, strlen(text), "PLAN_INVALID", "ignore", &err);
    CHECK(json && ignore_parse(json, "ignore", &ignore, &err) == 0);
    reference("", NULL, &all);
    reference("", "/G5", &shown);
    CHECK(strcmp(all.data, shown.data) != 0);
    for (int i = 0; i < 10; i++) {
        check_order(NULL, all.data);
        check_order(&ignore, shown.data);
        check_failure(all.data);
    }
    check_descriptors(12);
    ignore_free(&ignore);
}

static void remove_tree(const char *path)
{
    auto_free char *command = NULL;
    CHECK(asprintf(&command, "rm -r %s", path) > 0 && system(command) == 0);
}

int main(void)
{
    cpu_set_t all, one;
    unsigned seed = 14;
    CHECK(mkdtemp(scratch) && chdir(scratch) == 0);
    make_tree(6, &seed);
    check_tree();
    CHECK(sched_getaffinity(0, sizeof all, &all) == 0);
    CPU_ZERO(&one);
    for (size_t cpu = 0; CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, &one);
    CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
    check_tree();
    CHECK(chdir("/") == 0);
    remove_tree(scratch);
    return 0;
}
