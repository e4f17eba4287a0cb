#pragma once

/*
 * accept4 on a listener that a loop watches; the connection is close-on-exec and does not block. Where descriptors have run out it is refused with the one that is kept for that:
 * left in the queue, it would wake the loop again and again. -1: none came, or it was refused (EMFILE, ENFILE).
 */
int accept_or_refuse(int listener);
/* Puts a descriptor by, while there are some. */
void accept_reserve(void);
