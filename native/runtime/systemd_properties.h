#pragma once
#include "runtime/dbus.h"
#include "runtime/spec.h"

/* Limits as properties of a unit, in the words of systemd.resource-control(5); those of cgroup v2 or of v1. */
int systemd_put_limits(struct dbus_body *body, bool unified, const struct spec_resources *resources, struct rt_error *err);
/* "org.systemd.property.NAME": a value in the text form of GVariant, as crun and runc take it. */
int systemd_put_annotations(struct dbus_body *body, const struct spec_pairs *annotations, struct rt_error *err);
