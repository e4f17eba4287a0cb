#pragma once
#include "runtime/spec.h"

/* Reads the options of fstab spelling into `mount`; what is not known here is left to the file system in `data`. */
int mount_options_parse(struct spec *spec, const struct spec_strings *options, struct spec_mount *mount, struct rt_error *err);

/* Names for `features`: NULL-terminated. */
const char *const *mount_option_names(void);
