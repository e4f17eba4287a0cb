#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "monitor/log.h"
#include "tests/check.h"

static char scratch[] = "/tmp/tsbuild-log-XXXXXX";

static void say(struct log *log, const char *line)
{
    log_write(log, LOG_STDOUT, line, strlen(line));
}

/* What was logged, without all that is beside the text. */
static char *texts(const char *path)
{
    static char out[4096];
    struct rt_error err;
    auto_buf struct buf file = {0};
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && read_fd(fd, sizeof out, &file, "CODE", "it", &err) == 0);
    out[0] = 0;
    for (char *rest = file.data, *line; rest && (line = strsep(&rest, "\n")) && *line;) {
        static const char begins[] = "{\"log\":\"";
        char *end = strstr(line, "\\n\",\"stream\"");
        CHECK(strncmp(line, begins, sizeof begins - 1) == 0 && end && line[strlen(line) - 1] == '}');
        *end = 0;
        strcat(strcat(out, line + sizeof begins - 1), " ");
    }
    return out;
}

static void check_full_disk(const char *path)
{
    struct log log;
    struct rt_error err;
    struct stat status;
    const struct log_options options = {.driver = LOG_JSON_FILE, .path = path, .max_files = 1};
    CHECK(log_open(&log, &options, &err) == 0);
    say(&log, "first\n");
    CHECK(stat(path, &status) == 0);
    struct rlimit before, room = {.rlim_cur = (rlim_t)status.st_size + 20, .rlim_max = RLIM_INFINITY};
    CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
    room.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &room) == 0);
    say(&log, "lost\n");
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    say(&log, "last\n");
    log_close(&log);
    CHECK_STR(texts(path), "first last ");
}

static void check_failed_rotation(const char *path)
{
    struct log log;
    struct rt_error err;
    char away[64];
    const struct log_options options = {.driver = LOG_JSON_FILE, .path = path, .max_size = 1, .max_files = 1};
    CHECK(log_open(&log, &options, &err) == 0);
    say(&log, "first\n");
    snprintf(away, sizeof away, "%s-away", scratch);
    CHECK(rename(scratch, away) == 0); /* as good as a file system that has no inode left */
    say(&log, "lost\n");
    CHECK(rename(away, scratch) == 0);
    say(&log, "last\n");
    log_close(&log);
    CHECK_STR(texts(path), "last ");
}

int main(void)
{
    char path[64];
    CHECK(mkdtemp(scratch));
    snprintf(path, sizeof path, "%s/container.log", scratch);
    check_full_disk(path);
    CHECK(unlink(path) == 0);
    check_failed_rotation(path);
    CHECK(unlink(path) == 0 && rmdir(scratch) == 0);
    return 0;
}
