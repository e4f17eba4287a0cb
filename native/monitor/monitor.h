#pragma once
#include <sys/resource.h>

#include "base/loop.h"
#include "monitor/config.h"
#include "monitor/log.h"
#include "monitor/status.h"

/*
 * The process that stands behind one container from its first start to its end. One loop, no threads; each concern keeps its part of the struct.
 *
 *   streams.c       the container's stdin, stdout, stderr or terminal
 *   client.c        connections to control.sock, frames
 *   last_clients.c  what becomes of them when the container is over
 *   request.c       what clients ask for
 *   health.c        health checks
 *   lifecycle.c     start, end, restart
 */
struct client;

struct streams {
    struct watch in;            /* write side of stdin; -1 closed */
    struct watch out, err;      /* read sides; with a terminal `out` is its master and takes stdin as well */
    bool terminal;
    bool held;                  /* not read from: a client, or a reader of the log, cannot keep up */
    struct timer patience;      /* with a reader of the log */
    struct buf pending;         /* stdin that the container has not taken yet */
    bool idle;                  /* the terminal was hung up once */
    bool in_ends;               /* close stdin once nothing is pending */
};

struct health {
    struct timer next, timeout;
    struct watch process; /* pidfd of the probe that runs, -1: none */
    struct watch output;
    pid_t pid;
    struct probe_result current;
    int64_t started; /* loop_now of the container's start */
    bool settled;    /* the start period is over, or a probe went well */
};

struct monitor {
    const struct monitor_config *config;
    struct restart_options restart; /* may be changed by `update` */
    struct loop loop;
    int lock;     /* runDir/monitor.lock */
    char *record; /* runDir/oci, where the runtime keeps its record */
    struct status status;
    struct log log;

    struct container *container; /* NULL between two runs */
    struct watch init;           /* its pidfd */
    struct network *network;     /* what the next start attaches; `network` requests change it */
    struct shared_network *shared; /* an unprivileged user's, which we moved into; else NULL */
    struct network_lease *lease;
    struct watch lease_watch;
    struct streams streams;
    struct health health;

    struct watch signals, listener;
    struct client *clients;
    size_t stdin_clients; /* attached ones that were given the container's stdin */

    struct rlimit descriptors; /* RLIMIT_NOFILE as we found it, which the container inherits */

    bool stop_wanted; /* no restart after this end */
    bool restart_wanted; /* whatever the policy says */
    struct timer kill_timer, restart_timer, settle_timer;
    int64_t backoff_ms;
    int64_t run_started; /* loop_now */
    bool over;           /* the loop ends */
};

/* streams */
int streams_prepare(struct monitor *m, int stdio[3], struct rt_error *err); /* ends for the container; closed by the caller */
int streams_open(struct monitor *m, int terminal, struct rt_error *err);    /* watches ours */
void streams_drain(struct monitor *m);                                      /* reads what is there; what others still hold open is left */
void streams_close(struct monitor *m);
void streams_write(struct monitor *m, const char *data, size_t size);       /* stdin */
void streams_end_input(struct monitor *m);
bool streams_full(const struct monitor *m);
void streams_resize(struct monitor *m, int rows, int columns);
void streams_release(struct monitor *m);    /* clients may have caught up: read on */
void streams_log_read(struct monitor *m);   /* a reader of the log went on, or left */

/* clients */
enum frame_in { FRAME_STDIN, FRAME_STDIN_END, FRAME_RESIZE, FRAME_REQUEST };
enum frame_out { FRAME_STDOUT = 1, FRAME_STDERR, FRAME_ANSWER, FRAME_EXIT };

struct client {
    struct monitor *monitor;
    struct client *next, **self;
    struct watch watch;
    struct buf in, out;
    size_t sent; /* of out */
    bool attached, has_stdin;
    bool was_attached;
    bool held;                 /* some of its frames wait: stdin is full */
    size_t answers_due;        /* to `wait` and `stop`, at the end of the process */
    struct log_reader reader;  /* it reads the files of the log */
    bool left;                 /* it is gone, but for what it sent */
    bool ended;                /* it broke, or broke the protocol */
};

int clients_listen(struct monitor *m, struct rt_error *err);
void clients_output(struct monitor *m, enum log_stream stream, const char *data, size_t size);
bool clients_slow(const struct monitor *m);
void clients_resume(struct monitor *m); /* stdin has room again */
void clients_exit(struct monitor *m);   /* the process ended: exit frames and the answers that are due */
/* Nobody else is served; who was attached may read what is left. */
void clients_finish(struct monitor *m);
/* Writes what can be written now. False: the client is gone. */
bool client_flush(struct client *client);
void client_send(struct client *client, enum frame_out type, const void *data, size_t size);
/* Drops the reference. NULL: out of memory, and the client is dropped. */
void client_answer(struct client *client, json_t *answer);
void client_fail(struct client *client, const struct rt_error *err);
void client_close(struct client *client);

/* requests */
void request_handle(struct client *client, const char *text, size_t size);
json_t *request_exit_json(const struct monitor *m);

/* health */
void health_start(struct monitor *m);
void health_stop(struct monitor *m);
bool health_owns(const struct monitor *m, pid_t pid);

/* lifecycle */
int lifecycle_create(struct monitor *m, struct rt_error *err);
int lifecycle_start(struct monitor *m, struct rt_error *err);
/* `timeout_ms` -1: no SIGKILL after it. Nothing happens to a container that has ended. */
int lifecycle_stop(struct monitor *m, int signal, int64_t timeout_ms, struct rt_error *err);
int lifecycle_kill(struct monitor *m, int signal, struct rt_error *err);
int lifecycle_pause(struct monitor *m, bool pause, struct rt_error *err);
int lifecycle_network(struct monitor *m, const struct network *network, struct rt_error *err);
/* A start that failed: what had been made is taken back, and the state says why. */
void lifecycle_abandon(struct monitor *m, const struct rt_error *why);
void lifecycle_clean(struct monitor *m);
void monitor_save(struct monitor *m);
/* The published ports and clients of a container may need many descriptors; what we start gets the limit of before. */
void monitor_raise_descriptors(const struct monitor *m);
void monitor_lower_descriptors(const struct monitor *m);
