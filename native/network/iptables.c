#include "network/iptables.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "network/iptables_program.h"
#include "network/iptables_saved.h"
#include "network/mark.h"

#define NAT "TSBUILD"
#define FORWARD "TSBUILD-FORWARD"
#define FRAME "tsbuild"
#define BRIDGE MARK_BRIDGE " "

static const int families[] = { AF_INET, AF_INET6 };

/* What a search for rules keeps: those of one comment, or those that `dead` calls dead. */
struct wanted {
    const char *comment;
    rules_dead *dead;
    void *context;
};

static bool is_wanted(const struct saved_rule *rule, const struct wanted *w)
{
    if (w->comment)
        return strcmp(rule->comment, w->comment) == 0;
    size_t size = strlen(MARK_CONTAINER);
    return strncmp(rule->comment, MARK_CONTAINER, size) == 0 && w->dead(rule->comment + size, w->context);
}

/* Appends the deletion of every wanted rule; how many, or -1. */
static int put_deletions(const char *saved, const struct wanted *w, struct buf *script, struct rt_error *err)
{
    char table[32] = "";
    struct saved_rule rule;
    int count = 0;
    for (const char *at = saved; saved_next(&at, table, &rule);) {
        if (!is_wanted(&rule, w))
            continue;
        if (buf_printf(script, err, "*%s\n-D %.*s\nCOMMIT\n", rule.table, rule.size, rule.text) < 0)
            return -1;
        count++;
    }
    return count;
}

static bool has_other_bridges(const char *saved, const char *comment)
{
    char table[32] = "";
    struct saved_rule rule;
    for (const char *at = saved; saved_next(&at, table, &rule);)
        if (strncmp(rule.comment, BRIDGE, strlen(BRIDGE)) == 0 && strcmp(rule.comment, comment) != 0)
            return true;
    return false;
}

struct script {
    struct buf *text;
    struct rt_error *err;
    const char *comment;
    bool failed;
};

/* A rule of the owner; the text is what iptables takes, up to its comment. */
__attribute__((format(printf, 3, 4))) static void put(struct script *s, const char *target, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    s->failed |= size >= (int)sizeof text || buf_printf(s->text, s->err, "%s -m comment --comment \"%s\" -j %s\n", text, s->comment, target) < 0;
}

static void put_line(struct script *s, const char *line)
{
    s->failed |= buf_printf(s->text, s->err, "%s\n", line) < 0;
}

/* Our chains and the rules that lead into them; somebody may have flushed those alone. */
static void put_frame(struct script *s, const char *saved, int family)
{
    struct script frame = { .text = s->text, .err = s->err, .comment = FRAME };
    put_line(&frame, "*nat");
    if (!saved_has_chain(saved, NAT))
        put_line(&frame, ":" NAT " - [0:0]");
    if (saved_count(saved, "nat", FRAME) == 0) {
        put(&frame, NAT, "-A PREROUTING -m addrtype --dst-type LOCAL");
        /* ::1 as a source leaves by no other interface: such connections go to the relay. */
        put(&frame, NAT, family == AF_INET ? "-A OUTPUT -m addrtype --dst-type LOCAL" : "-A OUTPUT ! -d ::1/128 -m addrtype --dst-type LOCAL");
    }
    put_line(&frame, "COMMIT\n*filter");
    if (!saved_has_chain(saved, FORWARD))
        put_line(&frame, ":" FORWARD " - [0:0]");
    if (saved_count(saved, "filter", FRAME) == 0)
        put(&frame, FORWARD, "-I FORWARD 1");
    put_line(&frame, "COMMIT");
    s->failed |= frame.failed;
}

static void put_forward(struct script *s, const struct bridge *bridge, const char *saved)
{
    const char *name = bridge->name;
    const char *const heads[] = { saved_has_chain(saved, "DOCKER-USER") ? "DOCKER-USER" : NULL, bridge->open ? "FORWARD" : NULL };
    put_line(s, "*filter");
    if (bridge->internal)
        put(s, "DROP", "-I " FORWARD " 1 -i %s ! -o %s", name, name);
    if (!bridge->isolated)
        put(s, "RETURN", "-A " FORWARD " -i %s -o %s", name, name);
    put(s, "RETURN", "-A " FORWARD " -o %s -m conntrack --ctstate RELATED,ESTABLISHED", name);
    if (!bridge->internal)
        put(s, "RETURN", "-A " FORWARD " -o %s -m conntrack --ctstate DNAT", name);
    put(s, "DROP", "-A " FORWARD " -o %s", name);
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        if (!heads[i])
            continue;
        put(s, "ACCEPT", "-I %s 1 -i %s", heads[i], name);
        put(s, "ACCEPT", "-I %s 1 -o %s", heads[i], name);
    }
    put_line(s, "COMMIT");
}

static void put_nat(struct script *s, const struct bridge *bridge, int family)
{
    const char *name = bridge->name;
    put_line(s, "*nat");
    for (size_t i = 0; i < bridge->address_count; i++) {
        const struct address *address = &bridge->addresses[i];
        char text[INET6_ADDRSTRLEN];
        if (address->family != family)
            continue;
        struct address network = address_network(address);
        address_text(&network, text);
        if (bridge->masquerade && !bridge->internal)
            put(s, "MASQUERADE", "-A POSTROUTING -s %s/%u ! -o %s", text, address->prefix, name);
        put(s, "MASQUERADE", "-A POSTROUTING -s %s/%u -o %s -m conntrack --ctstate DNAT", text, address->prefix, name);
    }
    if (family == AF_INET)
        put(s, "MASQUERADE", "-A POSTROUTING -s 127.0.0.0/8 -o %s", name);
    put_line(s, "COMMIT");
    if (family == AF_INET) {
        put_line(s, "*raw");
        put(s, "DROP", "-A PREROUTING -i %s -d 127.0.0.0/8", name);
        put_line(s, "COMMIT");
    }
}

static bool has_family(const struct bridge *bridge, int family)
{
    for (size_t i = 0; i < bridge->address_count; i++)
        if (bridge->addresses[i].family == family)
            return true;
    return false;
}

static void bridge_comment(char out[SAVED_COMMENT_MAX + 1], const char *name)
{
    snprintf(out, SAVED_COMMENT_MAX + 1, BRIDGE "%s", name);
}

int iptables_bridge(const struct bridge *bridge, struct rt_error *err)
{
    char comment[SAVED_COMMENT_MAX + 1];
    bridge_comment(comment, bridge->name);
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        auto_buf struct buf saved = { 0 }, text = { 0 };
        if (!has_family(bridge, families[i]))
            continue;
        if (iptables_save(families[i], &saved, err) < 0 || put_deletions(saved.data, &(struct wanted){ .comment = comment }, &text, err) < 0)
            return -1;
        struct script s = { .text = &text, .err = err, .comment = comment };
        put_frame(&s, saved.data, families[i]);
        put_forward(&s, bridge, saved.data);
        put_nat(&s, bridge, families[i]);
        if (s.failed || iptables_restore(families[i], &text, err) < 0)
            return rt_wrap(err, "cannot write the rules of %s", bridge->name);
    }
    return 0;
}

bool iptables_bridge_present(const struct bridge *bridge)
{
    char comment[SAVED_COMMENT_MAX + 1];
    struct rt_error ignored;
    bridge_comment(comment, bridge->name);
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        auto_buf struct buf saved = { 0 }, unused = { 0 };
        if (!has_family(bridge, families[i]))
            continue;
        if (iptables_save(families[i], &saved, &ignored) < 0 || put_deletions(saved.data, &(struct wanted){ .comment = comment }, &unused, &ignored) <= 0 ||
            saved_count(saved.data, "nat", FRAME) == 0 || saved_count(saved.data, "filter", FRAME) == 0)
            return false;
    }
    return true;
}

int iptables_bridge_remove(const char *name, struct rt_error *err)
{
    char comment[SAVED_COMMENT_MAX + 1];
    bridge_comment(comment, name);
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        auto_buf struct buf saved = { 0 }, text = { 0 };
        if (iptables_save(families[i], &saved, err) < 0)
            return -1;
        int removed = put_deletions(saved.data, &(struct wanted){ .comment = comment }, &text, err);
        if (removed > 0 && !has_other_bridges(saved.data, comment) &&
            (put_deletions(saved.data, &(struct wanted){ .comment = FRAME }, &text, err) < 0 ||
             buf_str(&text, "*nat\n-F " NAT "\n-X " NAT "\nCOMMIT\n*filter\n-F " FORWARD "\n-X " FORWARD "\nCOMMIT\n", err) < 0))
            return -1;
        if (removed < 0 || iptables_restore(families[i], &text, err) < 0)
            return rt_wrap(err, "cannot remove the rules of %s", name);
    }
    return 0;
}

static void put_port(struct script *s, const struct port *port, int family)
{
    char host[INET6_ADDRSTRLEN + 8] = "", text[INET6_ADDRSTRLEN], target[INET6_ADDRSTRLEN + 32];
    if (port->host_address.family != family || port->address.family != family)
        return; /* the relay's */
    if (!address_is_any(&port->host_address))
        snprintf(host, sizeof host, " -d %s", address_text(&port->host_address, text));
    snprintf(target, sizeof target, family == AF_INET ? "DNAT --to-destination %s:%u" : "DNAT --to-destination [%s]:%u", address_text(&port->address, text), port->port);
    put(s, target, "-A " NAT "%s -p %s -m %s --dport %u", host, protocol_name(port->protocol), protocol_name(port->protocol), port->host_port);
}

static bool concerns(const struct port *ports, size_t count, int family)
{
    for (size_t i = 0; i < count; i++)
        if (ports[i].host_address.family == family && ports[i].address.family == family)
            return true;
    return false;
}

int iptables_publish(const char *run_dir, const struct port *ports, size_t count, struct rt_error *err)
{
    char comment[SAVED_COMMENT_MAX + 1];
    if (snprintf(comment, sizeof comment, MARK_CONTAINER "%s", run_dir) >= (int)sizeof comment)
        return rt_fail(err, "NETWORK_FAILED", 0, "", "the run directory '%s' has too long a name for the comment of a rule", run_dir);
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        auto_buf struct buf saved = { 0 }, text = { 0 };
        if (iptables_save(families[i], &saved, err) < 0 || put_deletions(saved.data, &(struct wanted){ .comment = comment }, &text, err) < 0)
            return -1;
        struct script s = { .text = &text, .err = err, .comment = comment };
        if (concerns(ports, count, families[i])) {
            put_line(&s, "*nat");
            for (size_t p = 0; p < count; p++)
                put_port(&s, &ports[p], families[i]);
            put_line(&s, "COMMIT");
        }
        if (s.failed || iptables_restore(families[i], &text, err) < 0)
            return rt_wrap(err, "cannot write the rules of the published ports");
    }
    return 0;
}

int iptables_sweep(rules_dead *dead, void *context, struct rt_error *err)
{
    int total = 0;
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        auto_buf struct buf saved = { 0 }, text = { 0 };
        if (iptables_save(families[i], &saved, err) < 0)
            return -1;
        int count = put_deletions(saved.data, &(struct wanted){ .dead = dead, .context = context }, &text, err);
        if (count < 0 || iptables_restore(families[i], &text, err) < 0)
            return rt_wrap(err, "cannot remove the rules of dead containers");
        total += count;
    }
    return total;
}
