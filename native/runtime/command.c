#include "runtime/command.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/util.h"

enum { LOG_LIMIT = 1 << 20 };

/* The message of the last entry with level "error": one object after the other, on a line each or not. Fresh memory, NULL without one. */
static char *last_error(const char *path)
{
    struct rt_error ignored;
    auto_buf struct buf text = {0};
    char *found = NULL;
    auto_close int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (fd < 0 || read_fd(fd, LOG_LIMIT, &text, "RUNTIME_FAILED", path, &ignored)) return NULL;
    for (size_t at = 0; at < text.size;) {
        json_error_t end;
        const char *level = "", *message = "";
        auto_json json_t *entry = json_loadb(text.data + at, text.size - at, JSON_DISABLE_EOF_CHECK, &end);
        if (!json_is_object(entry)) break;
        at += (size_t)end.position;
        if (json_opt_str(entry, "level", &level, &ignored) || json_opt_str(entry, "msg", &message, &ignored) || strcmp(level, "error") != 0) continue;
        free(found);
        found = rt_strdup(message, &ignored);
    }
    return found;
}

static int fail(const struct command *command, int status, struct rt_error *err)
{
    auto_free char *message = last_error(command->log);
    const char *code = "RUNTIME_FAILED";
    if (message && (strcasestr(message, "executable file not found") || strcasestr(message, "no such file or directory"))) code = "EXEC_NOT_FOUND";
    else if (message && (strcasestr(message, "permission denied") || strcasestr(message, "is a directory"))) code = "EXEC_DENIED";
    if (message) return rt_fail(err, code, 0, NULL, "%s: '%s' says: %s", command->what, command->args[0], message);
    if (WIFSIGNALED(status)) return rt_fail(err, code, 0, NULL, "%s: '%s' was ended by signal %d", command->what, command->args[0], WTERMSIG(status));
    if (WEXITSTATUS(status) == 127) return rt_fail(err, code, 0, NULL, "%s: '%s' cannot be run", command->what, command->args[0]);
    return rt_fail(err, code, 0, NULL, "%s: '%s' failed with exit status %d", command->what, command->args[0], WEXITSTATUS(status));
}

static void child(const struct command *command) __attribute__((noreturn));
static void child(const struct command *command)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    for (int fd = 0; fd < 3; fd++)
        if (command->stdio[fd] >= 0 && dup2(command->stdio[fd], fd) < 0) _exit(127);
    if (close_descriptors(3 + (unsigned)command->preserve_fds, ~0u, 0) == 0) execvp(command->args[0], (char *const *)command->args);
    _exit(127);
}

int command_run(const struct command *command, struct rt_error *err)
{
    int status;
    pid_t pid = fork();
    if (pid < 0) return rt_fail(err, "NATIVE_FAILED", errno, "fork", "%s", command->what);
    if (pid == 0) child(command);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return rt_fail(err, "NATIVE_FAILED", errno, "waitpid", "%s", command->what);
    return status == 0 ? 0 : fail(command, status, err);
}
