#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Assertions of the C unit tests: the first that fails ends the program with its place. */
#define CHECK(condition)                                                                                                                   \
    do {                                                                                                                                   \
        if (!(condition)) {                                                                                                                \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                                                \
            exit(1);                                                                                                                       \
        }                                                                                                                                  \
    } while (0)

#define CHECK_STR(got, want)                                                                                                               \
    do {                                                                                                                                   \
        const char *got_ = (got), *want_ = (want);                                                                                         \
        if (!got_ || strcmp(got_, want_) != 0) {                                                                                           \
            fprintf(stderr, "%s:%d: %s is '%s', not '%s'\n", __FILE__, __LINE__, #got, got_ ? got_ : "(null)", want_);                     \
            exit(1);                                                                                                                       \
        }                                                                                                                                  \
    } while (0)

/* The machine cannot run the test: says why and ends with the status that means so. */
#define SKIP(reason)                                                                                                                       \
    do {                                                                                                                                   \
        printf("skipped: %s\n", reason);                                                                                                   \
        exit(77);                                                                                                                          \
    } while (0)
