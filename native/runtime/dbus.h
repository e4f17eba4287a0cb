#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/util.h"

/*
 * As much of D-Bus (dbus.freedesktop.org, "D-Bus Specification") as it takes to ask systemd for a unit: one connection, one call at a time, no descriptors.
 * A connection that fails or that is not answered in time is CGROUP_FAILED.
 */
struct dbus_message;
struct dbus {
    int fd;
    uint32_t serial;
    bool direct;                /* the other end is systemd itself, there is no bus between */
    struct dbus_message *early; /* signals that came while a call waited for its answer, in order */
    size_t early_count;
};
#define auto_dbus __attribute__((cleanup(dbus_close)))

/* To the system's bus or to that of the user; systemd's own socket where there is no bus. */
int dbus_open(bool user, struct dbus *out, struct rt_error *err);
void dbus_close(struct dbus *dbus);

/* A body under construction. The first failure is kept, so that calls need no checks; `signature` is what was put in, in order. */
struct dbus_body {
    struct buf data;
    char signature[32];
    bool failed;
};
void dbus_put_string(struct dbus_body *body, const char *value);

/* a(sv), between these two: each value has its own type. */
size_t dbus_begin_properties(struct dbus_body *body);
void dbus_end_properties(struct dbus_body *body, size_t mark);
void dbus_property_string(struct dbus_body *body, const char *name, const char *value);
void dbus_property_bool(struct dbus_body *body, const char *name, bool value);
void dbus_property_u64(struct dbus_body *body, const char *name, uint64_t value);
void dbus_property_number(struct dbus_body *body, const char *name, char type, int64_t value); /* 'i', 'u', 'x' or 't' */
void dbus_property_pid(struct dbus_body *body, const char *name, uint32_t pid);                /* au of one */
void dbus_property_bytes(struct dbus_body *body, const char *name, const uint8_t *bytes, size_t count);
void dbus_property_strings(struct dbus_body *body, const char *name, const char *const *values, size_t count);
/* a(sa(sv)) without members. */
void dbus_put_no_units(struct dbus_body *body);
void dbus_put_bool(struct dbus_body *body, bool value);

/* What came: a reply, an error or a signal. */
struct dbus_message {
    struct buf data;
    uint8_t type;
    uint32_t reply_serial;
    const char *member, *error, *signature; /* "" where absent */
    size_t body;                            /* where it begins */
};
#define auto_message __attribute__((cleanup(dbus_message_free)))
void dbus_message_free(struct dbus_message *message);
/* The string (or object path) at a place of the body, which moves behind it; NULL where there is none. */
const char *dbus_get_string(const struct dbus_message *message, size_t *at);
bool dbus_get_u32(const struct dbus_message *message, size_t *at, uint32_t *out);

/*
 * Calls a method and waits for the answer. The body, NULL for none, is used up. An answer that is an error gives CGROUP_FAILED with the error's name in err->path and its text in the message.
 */
int dbus_call(struct dbus *dbus, const char *destination, const char *path, const char *interface, const char *member, struct dbus_body *body, struct dbus_message *reply, struct rt_error *err);
/* The next signal, those that came during earlier calls first. */
int dbus_next_signal(struct dbus *dbus, struct dbus_message *out, struct rt_error *err);
