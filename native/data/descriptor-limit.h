#pragma once

/* Raises the soft limit of open descriptors to the hard one: a walk keeps two for each level of a deep tree. Not for processes that start others. */
void descriptor_limit_raise(void);
