#include "runtime/dbus.h"

#include <string.h>

#include "runtime/dbus_internal.h"

void body_add(struct dbus_body *body, const void *data, size_t size)
{
    struct rt_error ignored;
    body->failed = body->failed || buf_add(&body->data, data, size, &ignored);
}

void body_align(struct dbus_body *body, size_t boundary)
{
    static const char ZERO[8] = {0};
    if (body->data.size % boundary) body_add(body, ZERO, boundary - body->data.size % boundary);
}

void body_u32(struct dbus_body *body, uint32_t value)
{
    body_align(body, 4);
    body_add(body, &value, sizeof value);
}

void body_string(struct dbus_body *body, const char *value)
{
    size_t length = strlen(value);
    body_u32(body, (uint32_t)length);
    body_add(body, value, length + 1);
}

void body_signature(struct dbus_body *body, const char *signature)
{
    uint8_t length = (uint8_t)strlen(signature);
    body_add(body, &length, 1);
    body_add(body, signature, (size_t)length + 1);
}

size_t body_begin(struct dbus_body *body, size_t boundary)
{
    body_u32(body, 0);
    size_t place = body->data.size - 4;
    body_align(body, boundary);
    return place;
}

void body_end(struct dbus_body *body, size_t place, size_t boundary)
{
    size_t first = (place + 4 + boundary - 1) / boundary * boundary;
    uint32_t length = (uint32_t)(body->data.size - first);
    if (!body->failed) memcpy(body->data.data + place, &length, sizeof length);
}

static void sign(struct dbus_body *body, const char *type)
{
    if (strlen(body->signature) + strlen(type) < sizeof body->signature) strcat(body->signature, type);
    else body->failed = true;
}

void dbus_put_string(struct dbus_body *body, const char *value)
{
    sign(body, "s");
    body_string(body, value);
}

void dbus_put_bool(struct dbus_body *body, bool value)
{
    sign(body, "b");
    body_u32(body, value);
}

void dbus_put_no_units(struct dbus_body *body)
{
    sign(body, "a(sa(sv))");
    body_end(body, body_begin(body, 8), 8);
}

size_t dbus_begin_properties(struct dbus_body *body)
{
    sign(body, "a(sv)");
    return body_begin(body, 8);
}

void dbus_end_properties(struct dbus_body *body, size_t mark)
{
    body_end(body, mark, 8);
}

static void begin_property(struct dbus_body *body, const char *name, const char *type)
{
    body_align(body, 8);
    body_string(body, name);
    body_signature(body, type);
}

void dbus_property_string(struct dbus_body *body, const char *name, const char *value)
{
    begin_property(body, name, "s");
    body_string(body, value);
}

void dbus_property_bool(struct dbus_body *body, const char *name, bool value)
{
    begin_property(body, name, "b");
    body_u32(body, value);
}

void dbus_property_number(struct dbus_body *body, const char *name, char type, int64_t value)
{
    size_t size = type == 'i' || type == 'u' ? 4 : 8;
    begin_property(body, name, (const char[]){type, 0});
    body_align(body, size);
    body_add(body, &value, size); /* little endian: the low half comes first */
}

void dbus_property_u64(struct dbus_body *body, const char *name, uint64_t value)
{
    dbus_property_number(body, name, 't', (int64_t)value);
}

void dbus_property_pid(struct dbus_body *body, const char *name, uint32_t pid)
{
    begin_property(body, name, "au");
    size_t place = body_begin(body, 4);
    body_u32(body, pid);
    body_end(body, place, 4);
}

void dbus_property_bytes(struct dbus_body *body, const char *name, const uint8_t *bytes, size_t count)
{
    begin_property(body, name, "ay");
    size_t place = body_begin(body, 1);
    body_add(body, bytes, count);
    body_end(body, place, 1);
}

void dbus_property_strings(struct dbus_body *body, const char *name, const char *const *values, size_t count)
{
    begin_property(body, name, "as");
    size_t place = body_begin(body, 4);
    for (size_t i = 0; i < count; i++) body_string(body, values[i]);
    body_end(body, place, 4);
}
