#include "base/plan.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/idmap.h"
#include "base/self.h"
#include "base/util.h"

#define PLAN_FD 3
#define ANSWER_FD 4
/* The second start, from where containers cannot reach us: the greeting has been sent. */
#define RESUMED "--resumed"
#define AHEAD "--ahead"
#define PLAN_LIMIT (64u << 20)

static volatile sig_atomic_t cancelled;

static void on_cancel(int signo)
{
    (void)signo;
    cancelled = 1;
    const struct itimerval again = { .it_interval.tv_usec = 50000, .it_value.tv_usec = 50000 };
    setitimer(ITIMER_REAL, &again, NULL);
}

static void catch_cancel(void)
{
    struct sigaction action = { .sa_handler = on_cancel };
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool plan_cancelled(void)
{
    return cancelled != 0;
}

int plan_check(struct rt_error *err)
{
    return cancelled ? rt_fail(err, "CANCELLED", 0, NULL, "stopped before the end") : 0;
}

static int answer(struct plan *plan, json_t *line, struct rt_error *err)
{
    auto_free char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    json_decref(line);
    if (!text) return rt_nomem(err);
    size_t size = strlen(text);
    text[size] = '\n'; /* one write, so that lines of several processes do not mix */
    if (write_all(plan->answer, text, size + 1) < 0) return rt_fail(err, "NATIVE_FAILED", errno, "write", "cannot answer on descriptor %d", plan->answer);
    return 0;
}

static json_t *with_fields(json_t *line, json_t *fields)
{
    if (line && fields && json_object_update(line, fields) < 0) {
        json_decref(line);
        line = NULL;
    }
    json_decref(fields);
    return line;
}

int plan_event(struct plan *plan, const char *kind, json_t *fields, struct rt_error *err)
{
    return answer(plan, with_fields(json_pack("{s:s,s:s}", "type", "event", "kind", kind), fields), err);
}

int plan_result(struct plan *plan, json_t *fields, struct rt_error *err)
{
    if (!fields) return rt_nomem(err);
    plan->answered = true;
    return answer(plan, with_fields(json_pack("{s:s}", "type", "result"), fields), err);
}

static int fail(struct plan *plan, const struct rt_error *fault)
{
    char number[16];
    json_t *line = json_pack("{s:s,s:s,s:o}", "type", "error", "code", fault->code, "message", json_from_path(fault->message));
    if (line && fault->saved_errno) json_object_set_new(line, "errno", json_string(rt_errno_name(fault->saved_errno, number)));
    if (line && fault->syscall[0]) json_object_set_new(line, "syscall", json_string(fault->syscall));
    if (line && fault->path[0]) json_object_set_new(line, "path", json_from_path(fault->path));
    struct rt_error ignored;
    answer(plan, line, &ignored);
    return strcmp(fault->code, "PLAN_INVALID") == 0 ? 2 : 1;
}

static int read_plan(struct plan *plan, struct buf *text, struct rt_error *err)
{
    if (read_fd(PLAN_FD, PLAN_LIMIT, text, "PLAN_INVALID", "the plan", err) < 0) return -1;
    close(PLAN_FD);
    plan->json = json_parse(text->data, text->size, "PLAN_INVALID", "the plan", err);
    if (!plan->json) return -1;
    if (!json_is_object(plan->json)) return rt_fail(err, "PLAN_INVALID", 0, NULL, "the plan must be an object");
    int64_t protocol;
    return json_req_i64(plan->json, "protocol", PLAN_PROTOCOL, PLAN_PROTOCOL, &protocol, err);
}

static int restart(const struct plan *plan, struct rt_error *err)
{
    char *argv[] = { "tsbuild-core", "plan", RESUMED, NULL };
    if (fcntl(PLAN_FD, F_SETFD, 0) < 0 || fcntl(plan->answer, F_SETFD, 0) < 0) return rt_fail(err, "NATIVE_FAILED", errno, "fcntl", "cannot hand the plan to the protected core");
    return self_protect(argv, err);
}

/* The plan goes to the second start as it came to the first one. */
static int resume(const struct plan *plan, const struct buf *text, struct rt_error *err)
{
    auto_close int fd = memfd_create("plan", MFD_CLOEXEC);
    if (fd < 0 || write_all(fd, text->data, text->size) < 0 || lseek(fd, 0, SEEK_SET) < 0 || (fd != PLAN_FD && dup2(fd, PLAN_FD) < 0))
        return rt_fail(err, "NATIVE_FAILED", errno, "memfd_create", "cannot hand the plan to the protected core");
    return restart(plan, err);
}

static const struct plan_entry *find_verb(const struct plan_entry *verbs, const char *name)
{
    while (verbs->name && strcmp(verbs->name, name) != 0) verbs++;
    return verbs->name && verbs->run ? verbs : NULL;
}

static int run(struct plan *plan, const struct plan_entry *verbs, struct rt_error *err)
{
    const char *name;
    auto_buf struct buf text = { 0 };
    if (read_plan(plan, &text, err) < 0 || json_req_str(plan->json, "verb", &name, err) < 0) return -1;
    const struct plan_entry *verb = find_verb(verbs, name);
    if (!verb) return rt_fail(err, "PLAN_INVALID", 0, NULL, "unknown verb '%s'", name);
    if (verb->container && !self_is_protected()) return resume(plan, &text, err);
    if (!verb->own_idmap && idmap_enter_plan(plan->json, err) < 0) return -1;
    if (verb->run(plan, err) < 0) return -1;
    return plan->answered ? 0 : plan_result(plan, json_object(), err);
}

int plan_main(const struct plan_entry *verbs, char *const args[])
{
    bool resumed = args[0] && strcmp(args[0], RESUMED) == 0;
    const struct plan_entry *ahead = args[0] && args[1] && strcmp(args[0], AHEAD) == 0 ? find_verb(verbs, args[1]) : NULL;
    struct plan plan = { .answer = ANSWER_FD };
    struct rt_error err = { 0 };
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (resumed) prctl(PR_SET_NAME, "tsbuild-core");
    catch_cancel();
    umask(0);
    if (fcntl(ANSWER_FD, F_SETFD, FD_CLOEXEC) < 0 || fcntl(PLAN_FD, F_SETFD, FD_CLOEXEC) < 0) {
        dprintf(STDERR_FILENO, "tsbuild-core plan: descriptors 3 (plan) and 4 (answer) must be open\n");
        return 2;
    }
    /* A parent that died before PR_SET_PDEATHSIG is noticed here: nobody reads the answer. */
    json_t *hello = resumed ? NULL : json_pack("{s:s,s:i,s:s}", "type", "hello", "protocol", PLAN_PROTOCOL, "version", VERSION);
    if (!resumed && answer(&plan, hello, &err) < 0) return 1;
    if (ahead && ahead->container && !self_is_protected()) {
        struct rt_error ignored; /* told when the plan comes */
        restart(&plan, &ignored);
    }
    int status = run(&plan, verbs, &err) < 0 ? fail(&plan, &err) : 0;
    json_decref(plan.json);
    return status;
}
