#pragma once
#include "runtime/dbus.h"

/* Marshalling, for bodies and headers: values are aligned to their size, counted from the beginning. */
void body_add(struct dbus_body *body, const void *data, size_t size);
void body_align(struct dbus_body *body, size_t boundary);
void body_u32(struct dbus_body *body, uint32_t value);
void body_string(struct dbus_body *body, const char *value);
void body_signature(struct dbus_body *body, const char *signature);
/* Gives the place of the array's length, which does not count the padding before the first element. */
size_t body_begin(struct dbus_body *body, size_t boundary);
void body_end(struct dbus_body *body, size_t place, size_t boundary);
