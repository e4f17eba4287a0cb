#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/util.h"
#include "network/bridge.h"
#include "network/link.h"
#include "network/mark.h"
#include "network/names.h"
#include "network/netns.h"
#include "network/rules.h"
#include "network/shared.h"
#include "verbs.h"

struct tools {
    struct nl nl;
    struct nft nft;
};

static void tools_close(struct tools *tools)
{
    nl_close(&tools->nl);
    nft_close(&tools->nft);
}
#define auto_tools __attribute__((cleanup(tools_close)))

static int tools_open(struct tools *tools, struct rt_error *err)
{
    return nl_open(&tools->nl, NETLINK_ROUTE, err) < 0 ? -1 : nft_open(&tools->nft, err);
}

/* A monitor holds the lock as long as it lives. */
static bool is_dead(const char *run_dir, void *context)
{
    (void)context;
    struct rt_error ignored;
    auto_free char *path = rt_printf(&ignored, "%s/monitor.lock", run_dir);
    if (!path)
        return false;
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR;
    return flock(fd, LOCK_SH | LOCK_NB) == 0;
}

struct link_names {
    char (*names)[IFNAMSIZ];
    size_t count;
};

static int collect_dead(const struct link *link, void *context)
{
    struct link_names *list = context;
    size_t mark = strlen(MARK_CONTAINER);
    if (strcmp(link->kind, "veth") != 0 || strncmp(link->alias, MARK_CONTAINER, mark) != 0 || !is_dead(link->alias + mark, NULL))
        return 0;
    void *bigger = reallocarray(list->names, list->count + 1, sizeof *list->names);
    if (!bigger)
        return -ENOMEM;
    list->names = bigger;
    memcpy(list->names[list->count++], link->name, IFNAMSIZ);
    return 0;
}

static int sweep_links(struct nl *nl, struct rt_error *err)
{
    struct link_names list = { 0 };
    int result = link_walk(nl, collect_dead, &list, err);
    for (size_t i = 0; i < list.count && result >= 0; i++)
        result = link_delete(nl, list.names[i], err);
    free(list.names);
    return result < 0 ? -1 : (int)list.count;
}

static int sweep(struct plan *plan, struct rt_error *err)
{
    auto_tools struct tools tools = { .nl.fd = -1, .nft.nl.fd = -1 };
    const char **dirs = NULL;
    int names = 0, rules = 0, links = 0, bridges = 0;
    const char *shared = NULL;
    if (plan_allow(plan, err, "op", "names", "shared") < 0 || json_opt_str(plan->json, "shared", &shared, err) < 0 || json_opt_strv(plan->json, "names", &dirs, err) < 0)
        return -1;
    for (size_t i = 0; dirs && dirs[i]; i++)
        names += names_sweep(dirs[i], is_dead, NULL);
    free(dirs);
    if (shared && shared_visit(shared, err) < 0)
        return -1;
    if (netns_is_ours() && (tools_open(&tools, err) < 0 || (rules = rules_sweep(&tools.nft, is_dead, NULL, err)) < 0 || (links = sweep_links(&tools.nl, err)) < 0 ||
        (bridges = bridge_sweep(&tools.nl, &tools.nft, err)) < 0))
        return -1;
    return plan_result(plan, json_pack("{s:i, s:i, s:i, s:i}", "rules", rules, "interfaces", links, "bridges", bridges, "names", names), err);
}

static int ensure(struct plan *plan, struct rt_error *err)
{
    auto_tools struct tools tools = { .nl.fd = -1, .nft.nl.fd = -1 };
    struct bridge bridge = { 0 };
    struct bridge_hold hold;
    json_t *value;
    int result = plan_allow(plan, err, "op", "bridge") < 0 || json_req_obj(plan->json, "bridge", &value, err) < 0 || bridge_parse(value, &bridge, err) < 0 ||
                         tools_open(&tools, err) < 0 || bridge_hold(&tools.nl, &tools.nft, &bridge, &hold, err) < 0
                     ? -1
                     : 0;
    bridge_clear(&bridge);
    if (result < 0)
        return -1;
    bridge_let_go(&hold);
    return plan_result(plan, json_pack("{s:b}", "forwardingSwitched", hold.forwarding_switched), err);
}

/* Namespaces of processes that have just ended take a moment to go. */
#define LINGER_US 150000

/* Removes the bridge when it has become unused, in a process of its own that nobody waits for. */
static int remove_later(struct plan *plan, const char *name, struct rt_error *err)
{
    pid_t child = fork();
    if (child < 0)
        return rt_fail(err, "NATIVE_FAILED", errno, "fork", "cannot start a process");
    if (child > 0)
        return plan_result(plan, json_pack("{s:n}", "removed"), err);
    setsid();
    close_descriptors(0, ~0u, 0);
    usleep(LINGER_US);
    auto_tools struct tools tools = { .nl.fd = -1, .nft.nl.fd = -1 };
    if (tools_open(&tools, err) == 0)
        bridge_remove_unused(&tools.nl, &tools.nft, name, err); /* a sweep does it otherwise */
    _exit(0);
}

static int remove_bridge(struct plan *plan, struct rt_error *err)
{
    auto_tools struct tools tools = { .nl.fd = -1, .nft.nl.fd = -1 };
    const char *name, *shared = NULL;
    bool wait = true;
    if (plan_allow(plan, err, "op", "name", "wait", "shared") < 0 || json_opt_str(plan->json, "shared", &shared, err) < 0 || json_req_str(plan->json, "name", &name, err) < 0 || json_opt_bool(plan->json, "wait", &wait, err) < 0)
        return -1;
    if (shared && shared_visit(shared, err) < 0)
        return -1;
    if (!netns_is_ours())
        return plan_result(plan, json_pack("{s:b}", "removed", 0), err);
    if (!wait)
        return remove_later(plan, name, err);
    if (tools_open(&tools, err) < 0)
        return -1;
    int removed = bridge_remove_unused(&tools.nl, &tools.nft, name, err);
    return removed < 0 ? -1 : plan_result(plan, json_pack("{s:b}", "removed", removed), err);
}

static int hold(struct plan *plan, struct rt_error *err)
{
    const char *directory, *program = NULL;
    if (plan_allow(plan, err, "op", "shared", "program") < 0 || json_req_str(plan->json, "shared", &directory, err) < 0 || json_opt_str(plan->json, "program", &program, err) < 0)
        return -1;
    return shared_hold(plan, directory, program, err);
}

int verb_network(struct plan *plan, struct rt_error *err)
{
    static const char *const names[] = { "bridge-ensure", "bridge-remove", "sweep", "hold", NULL };
    static int (*const operations[])(struct plan *, struct rt_error *) = { ensure, remove_bridge, sweep, hold };
    int operation;
    if (json_req_enum(plan->json, "op", names, &operation, err) < 0)
        return -1;
    return operations[operation](plan, err);
}
