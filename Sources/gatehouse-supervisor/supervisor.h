/* The parts of the supervisor: what each does, and what they tell each other. */
#pragma once
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

enum {
    /* Time to end by itself for what the leader left behind, and when nobody waits for an answer any more. */
    LEFTOVER_GRACE_MS = 300,
    ORPHAN_GRACE_MS = 200,
    /* When a process does not even end by SIGKILL (it hangs in the kernel), it is given up after this. */
    KILL_LIMIT_MS = 10000,
    /* How often the tree is looked at while it is ended. */
    TREE_POLL_MS = 20,
    /* Where the process inside a sandbox finds the pipe to the supervisor outside. */
    STATUS_FD = 3,
    /* Descriptors below are for the command: the pipe above and files that are opened for it. */
    OWN_FD = 64,
    OPENED_LIMIT = 16,
    CGROUP_LIMIT = 4,
};

/* Options. */

struct opened {
    int descriptor;
    const char *path;
};

struct options {
    /* 0 supervises a command, 'i' is the first process of a sandbox, 'r' ends what a former gateway left, 'c' tells
     * which cgroups can be used. */
    char role;
    long grace_ms;
    rlim_t cpu_seconds, open_files, file_size, data, processes;
    /* Of all processes of the run together; only where a cgroup can hold them to it. */
    rlim_t memory, tasks;
    pid_t parent;
    /* The directory of this run, where its journal and its report are kept; of all runs with 'r'. */
    const char *directory;
    /* The one run to be ended with 'r', where not all are. */
    const char *only;
    /* The command puts up a sandbox, in which this program is the first process. */
    bool sandboxed;
    /* Standard input is a terminal, and the command's own. */
    bool terminal;
    struct opened opened[OPENED_LIMIT];
    size_t opened_count;
    const char *cgroups[CGROUP_LIMIT];
    size_t cgroup_count;
    char **command;
};

/* Reads the command line; ends the process with 64 when it is wrong. */
struct options parse_options(int argc, char **argv);

/* Processes. */

struct process {
    pid_t pid, parent;
    unsigned long long started;
    char state;
};

struct processes {
    struct process *items;
    size_t count, capacity;
};

/* Reads /proc/PID/stat. False when there is no such process, or only what is left of it. */
bool read_process(pid_t pid, struct process *process);

/* All processes that can be seen. */
bool read_processes(struct processes *list);

/* Moves the descendants of the first `marked` processes behind them and answers how many there are then. */
size_t mark_descendants(struct processes *list, size_t marked);

long now_ms(void);

/* The tree of one run. */

struct tree {
    pid_t leader;
    bool leader_ended;
    int leader_status;
    /* The leader only holds the sandbox: it must outlive what is inside, which is asked to end. */
    bool sandboxed;
    /* Processes that did not end when they were asked to. */
    size_t killed;
};

/* Collects every child that has ended. Answers whether there are children left. */
bool reap(struct tree *tree);

/* Ends every process of the tree: SIGTERM, then SIGKILL after `grace_ms`, until none is left. */
void end_tree(struct tree *tree, long grace_ms);

/* Starting. */

/* Limits of the calling process for good. False with errno when one is refused. */
bool apply_limits(const struct options *options);

/* Blocks the signals that are waited for, and gives all others their standard meaning. */
void block_signals(sigset_t *watched);

/* Starts the command in a session of its own. `note` is told the pid before anything else happens, then `prepare` runs in
 * the child; both answer false with errno to give up. */
struct started {
    pid_t pid;
    /* 0, or the errno of what did not work: `prepare` or exec. The child has been collected then. */
    int error;
    bool is_unprepared;
};
struct started start_command(
    const struct options *options, bool (*prepare)(const struct options *), bool (*note)(pid_t child));

/* Lets go of the agent's pipes: while we held stdin's reading end, its writer would never learn that nobody reads. */
void release_pipes(void);

/* The first process of a sandbox: starts the command, collects what ends, and tells how the command ended. */
_Noreturn void run_inside(const struct options *options);

/* What comes through the pipe out of a sandbox. */
struct inside_record {
    enum { INSIDE_READY = 1, INSIDE_NOT_PREPARED, INSIDE_NOT_STARTED, INSIDE_ENDED } kind;
    /* An errno, or how the command ended as waitpid tells it. */
    int value;
};

/* Denies the calling process and its children the system calls that a sandbox has no use for, and what no name space
 * keeps apart. False with errno when that is refused. */
bool close_system_calls(void);

/* Cgroups. */

/* Prints a line `CONTROLLER DIRECTORY` for each cgroup below which runs can have their own. */
_Noreturn void tell_cgroups(void);

/* Makes the cgroups of this run; `paths` are those that were made. */
struct cgroups {
    char *paths[CGROUP_LIMIT];
    size_t count;
};
void make_cgroups(const struct options *options, struct cgroups *cgroups);
/* The calling process and what it starts. False with errno when it may not. */
bool join_cgroups(const struct cgroups *cgroups);
/* Kills every member, as far as the kind of cgroup allows it. */
void kill_cgroup(const char *path);
/* Whether a member was killed because the memory of all was used up. */
bool cgroup_had_no_memory(const struct cgroups *cgroups);
void remove_cgroup(const char *path);

/* The journal. */

/* The id of this boot; a pid and a start time mean nothing in another one. */
bool read_boot(char *boot, size_t size);

/* Notes in the run's directory who we are, so that the next gateway finds us. False when it cannot be written. */
bool write_journal(const struct options *options, pid_t leader, const struct cgroups *cgroups);

/* Ends what former runs left, by their journals, and prints a line for each run. Of one run where `only` names it. */
_Noreturn void reap_runs(const char *directory, const char *only);

/* The report: how the run ended, for the gateway. */

struct report {
    /* start: the command could not be started, sandbox: nor its sandbox, run: it ended by itself, stop: it was told to,
     * parent: the gateway is gone. */
    const char *phase;
    int error;
    int status;
    size_t killed;
    bool no_memory;
};
void write_report(const char *directory, const struct report *report);

/* Where `die` reports to; may be NULL. */
extern const char *report_directory;

/* Writes one line to standard error, reports, and ends the process. */
_Noreturn void die(int code, const char *what, int error);
