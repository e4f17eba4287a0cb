#include "runtime/systemd.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "runtime/dbus.h"
#include "runtime/systemd_properties.h"

static const char SERVICE[] = "org.freedesktop.systemd1", OBJECT[] = "/org/freedesktop/systemd1", MANAGER[] = "org.freedesktop.systemd1.Manager";

int systemd_scope_parse(const char *path, const char *id, bool user, struct systemd_scope *out, struct rt_error *err)
{
    *out = (struct systemd_scope){.user = user};
    auto_free char *parts = rt_strdup(path && *path ? path : "", err), *own = rt_printf(err, ":tsbuild:%s", id);
    if (!parts || !own) return -1;
    char *rest = *parts ? parts : own;
    const char *slice = strsep(&rest, ":"), *prefix = rest ? strsep(&rest, ":") : NULL, *name = rest;
    if (!name || !*name || strchr(name, ':') || strchr(path ? path : "", '/'))
        return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got \"%s\" instead", path);
    out->slice = rt_strdup(*slice ? slice : user ? "user.slice" : "system.slice", err);
    out->unit = *prefix ? rt_printf(err, "%s-%s.scope", prefix, name) : rt_printf(err, "%s.scope", name);
    if (out->slice && out->unit) return 0;
    systemd_scope_free(out);
    return -1;
}

void systemd_scope_free(struct systemd_scope *scope)
{
    free(scope->slice);
    free(scope->unit);
    *scope = (struct systemd_scope){0};
}

static int call(struct dbus *bus, const char *member, struct dbus_body *body, struct dbus_message *reply, struct rt_error *err)
{
    return dbus_call(bus, SERVICE, OBJECT, MANAGER, member, body, reply, err);
}

/* Jobs end with a signal, which systemd sends to its own connections unasked, and over a bus to those who have asked both. */
static int subscribe(struct dbus *bus, struct rt_error *err)
{
    auto_message struct dbus_message matched = {0}, subscribed = {0};
    struct dbus_body rule = {0};
    if (bus->direct) return 0;
    dbus_put_string(&rule, "type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.systemd1.Manager',member='JobRemoved'");
    if (dbus_call(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", &rule, &matched, err)) return -1;
    return call(bus, "Subscribe", NULL, &subscribed, err);
}

/* JobRemoved(id, job, unit, result). It may come before the reply that names the job. */
static int wait_job(struct dbus *bus, const char *job, const char *unit, struct rt_error *err)
{
    for (;;) {
        auto_message struct dbus_message message = {0};
        uint32_t id;
        if (dbus_next_signal(bus, &message, err)) return rt_wrap(err, "waiting for the unit '%s'", unit);
        if (strcmp(message.member, "JobRemoved") != 0 || strcmp(message.signature, "uoss") != 0) continue;
        size_t at = message.body;
        const char *path = dbus_get_u32(&message, &at, &id) ? dbus_get_string(&message, &at) : NULL;
        if (!path || strcmp(path, job) != 0) continue;
        const char *result = dbus_get_string(&message, &at) ? dbus_get_string(&message, &at) : NULL;
        if (result && strcmp(result, "done") == 0) return 0;
        return rt_fail_at(err, unit, "CGROUP_FAILED", 0, NULL, "systemd cannot make or stop the unit '%s': %s", unit, result ? result : "no result");
    }
}

/* A call that begins a job, until the job has ended. */
static int run_job(struct dbus *bus, const char *member, struct dbus_body *body, const char *unit, struct rt_error *err)
{
    auto_message struct dbus_message reply = {0};
    if (call(bus, member, body, &reply, err)) return -1;
    size_t at = reply.body;
    const char *job = strcmp(reply.signature, "o") == 0 ? dbus_get_string(&reply, &at) : NULL;
    return job ? wait_job(bus, job, unit, err) : rt_fail(err, "CGROUP_FAILED", 0, NULL, "systemd gives no job for the unit '%s'", unit);
}

static int start(struct dbus *bus, const struct systemd_scope *scope, const char *id, pid_t pid, bool unified, const struct spec_resources *resources, const struct spec_pairs *annotations, struct rt_error *err)
{
    static const char *const ON[] = {"Delegate", "MemoryAccounting", "CPUAccounting", "TasksAccounting"};
    struct dbus_body body = {0};
    auto_free char *description = rt_printf(err, "tsbuild container %s", id);
    if (!description) return -1;
    dbus_put_string(&body, scope->unit);
    dbus_put_string(&body, "replace");
    size_t properties = dbus_begin_properties(&body);
    dbus_property_string(&body, "Description", description);
    dbus_property_string(&body, "Slice", scope->slice);
    dbus_property_pid(&body, "PIDs", (uint32_t)pid);
    for (size_t i = 0; i < ARRAY_LEN(ON); i++) dbus_property_bool(&body, ON[i], true);
    dbus_property_bool(&body, unified ? "IOAccounting" : "BlockIOAccounting", true);
    dbus_property_bool(&body, "DefaultDependencies", false);
    /* A scope that failed (a process that was killed for memory) would keep its name. */
    dbus_property_string(&body, "CollectMode", "inactive-or-failed");
    if (systemd_put_limits(&body, unified, resources, err) || systemd_put_annotations(&body, annotations, err)) {
        buf_free(&body.data);
        return -1;
    }
    dbus_end_properties(&body, properties);
    dbus_put_no_units(&body);
    return run_job(bus, "StartTransientUnit", &body, scope->unit, err);
}

int systemd_start(const struct systemd_scope *scope, const char *id, pid_t pid, bool unified, const struct spec_resources *resources, const struct spec_pairs *annotations, struct rt_error *err)
{
    auto_dbus struct dbus bus;
    auto_message struct dbus_message reset = {0};
    struct dbus_body unit = {0};
    if (dbus_open(scope->user, &bus, err) || subscribe(&bus, err)) return -1;
    if (start(&bus, scope, id, pid, unified, resources, annotations, err) == 0) return 0;
    if (strcmp(err->path, "org.freedesktop.systemd1.UnitExists") != 0) return -1;
    /* One that failed and that nobody has asked about since: its name is free once it is forgotten. A live one refuses again. */
    struct rt_error ignored;
    dbus_put_string(&unit, scope->unit);
    call(&bus, "ResetFailedUnit", &unit, &reset, &ignored);
    return start(&bus, scope, id, pid, unified, resources, annotations, err);
}

int systemd_update(const char *unit, bool user, bool unified, const struct spec_resources *resources, struct rt_error *err)
{
    auto_dbus struct dbus bus;
    auto_message struct dbus_message reply = {0};
    struct dbus_body body = {0};
    if (dbus_open(user, &bus, err)) return -1;
    dbus_put_string(&body, unit);
    dbus_put_bool(&body, true); /* at runtime only */
    size_t properties = dbus_begin_properties(&body);
    if (systemd_put_limits(&body, unified, resources, err)) {
        buf_free(&body.data);
        return -1;
    }
    dbus_end_properties(&body, properties);
    return call(&bus, "SetUnitProperties", &body, &reply, err);
}

int systemd_stop(const char *unit, bool user, struct rt_error *err)
{
    auto_dbus struct dbus bus;
    struct dbus_body body = {0};
    if (dbus_open(user, &bus, err) || subscribe(&bus, err)) return -1;
    dbus_put_string(&body, unit);
    dbus_put_string(&body, "replace");
    if (run_job(&bus, "StopUnit", &body, unit, err) == 0) return 0;
    return strcmp(err->path, "org.freedesktop.systemd1.NoSuchUnit") == 0 ? 0 : -1;
}
