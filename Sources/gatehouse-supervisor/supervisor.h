/* The parts of the supervisor: its options and the tree of processes it answers for. */
#pragma once
#include <fcntl.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

enum {
    /* Time to end by itself for what the leader left behind, and when nobody waits for an answer any more. */
    LEFTOVER_GRACE_MS = 300,
    ORPHAN_GRACE_MS = 200,
    /* When a process does not even end by SIGKILL (it hangs in the kernel), it is given up after this. */
    KILL_LIMIT_MS = 10000,
};

struct options {
    long grace_ms;
    rlim_t cpu_seconds, open_files, file_size, data;
    pid_t parent;
    char **command;
};

/* All processes that stem from us. */
struct tree {
    pid_t leader;
    bool leader_ended;
    int leader_status;
};

/* Writes one line to standard error and ends the process. */
_Noreturn void die(int code, const char *what, int error);

/* Reads the command line; ends the process with 64 when it is wrong. */
struct options parse_options(int argc, char **argv);

/* Collects every child that has ended. Answers whether there are children left. */
bool reap(struct tree *tree);

/* Ends every process of the tree: SIGTERM, then SIGKILL after `grace_ms`, until none is left. */
void end_tree(struct tree *tree, long grace_ms, int poll_ms);
