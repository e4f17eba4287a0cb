#pragma once
#include "base/error.h"
#include "base/util.h"

/* All rules of a family, as iptables-save writes them. Nothing where its program is missing. -1 with FEATURE_MISSING or NETWORK_FAILED. */
int iptables_save(int family, struct buf *out, struct rt_error *err);
/* Carries out `script` of iptables-restore beside what is there. */
int iptables_restore(int family, const struct buf *script, struct rt_error *err);
