#pragma once
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * The files of a log: PATH is written, PATH.1 is the one before, and so on; a rotated one may be compressed (PATH.1.gz). Whoever reads while the container runs says so, and then
 * no file is taken away or compressed before it was read: there may be more files than the options allow, and `log_files_behind` asks for patience with the reader.
 */
struct log_reader {
    struct log_reader *next, **self; /* self NULL: it reads nothing */
    uint64_t inode;                  /* of the file that it reads; 0: it has not begun */
    bool stuck;                      /* nobody waits for it any more */
};

struct log_files {
    const char *path;
    int64_t kept; /* rotated files, without those that readers need */
    bool compress;
    struct log_reader *readers;
    pid_t compressor; /* 0: none runs */
};

/* PATH becomes PATH.1; the caller has closed it and makes a new one. */
void log_files_rotate(struct log_files *files);
/* A reader went on, or there is nobody to wait for: what nobody needs is taken away or compressed. */
void log_files_tidy(struct log_files *files);
/* There are more files than there should be, because a reader needs them. */
bool log_files_behind(const struct log_files *files);
/* Those that are behind are not waited for, until they go on. */
void log_files_give_up(struct log_files *files);
/* The process ended, and was waited for. True when it was the one that compresses. */
bool log_files_ended(struct log_files *files, pid_t pid);
/* Nothing of ours works in the directory any more. */
void log_files_close(struct log_files *files);

void log_reader_add(struct log_files *files, struct log_reader *reader);
void log_reader_remove(struct log_reader *reader);
