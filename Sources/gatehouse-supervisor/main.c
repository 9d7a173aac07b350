/*
 * gatehouse-supervisor: runs one agent and makes sure that nothing of it survives.
 *
 *   gatehouse-supervisor [--grace-ms N] [--parent PID] [--run DIRECTORY] [--cpu-s N] [--nofile N] [--fsize N] [--data N]
 *                        [--cgroup DIRECTORY]... [--memory N] [--tasks N] [--sandboxed] [--open FD=PATH]...
 *                        -- COMMAND [ARG...]
 *   gatehouse-supervisor --inside FD [--nproc N] -- COMMAND [ARG...]
 *   gatehouse-supervisor --reap DIRECTORY [RUN]
 *   gatehouse-supervisor --cgroups
 *
 * It is the subreaper of everything the command starts, so that orphans become its own children and can be found. It
 * ends the whole tree when it is told to (SIGTERM, SIGINT, SIGHUP, SIGQUIT), when the process --parent is gone, and
 * when the command itself has ended. Then it ends as the command ended: with its exit code, or by its signal.
 *
 * With --run it notes the processes in DIRECTORY/process before the command begins, and how it ended in
 * DIRECTORY/report. --reap ends what the journals below a directory name and is still there. With --sandboxed the
 * command is one that puts up a sandbox and starts this program in it with --inside, whose descriptor leads back here.
 *
 * Exit codes of its own: 64 for wrong usage, 127 when the command was not found, 126 when it could not be started,
 * 71 when the system refused something needed. A line on standard error tells which.
 */
#define _GNU_SOURCE
#include "supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* How often the parent is looked at where pidfd_open is not to be had. */
enum { PARENT_POLL_MS = 200 };

const char *report_directory;

_Noreturn void die(int code, const char *what, int error) {
    dprintf(STDERR_FILENO, "gatehouse-supervisor: %s: %s\n", what, error ? strerrorname_np(error) : "refused");
    write_report(report_directory, &(struct report){.phase = "start", .error = error ? error : EPERM});
    _exit(code);
}

/* What the callbacks of a start need. */
static struct {
    const struct options *options;
    struct cgroups cgroups;
    /* The pipe out of the sandbox. */
    int status_reader, status_writer;
} run = {.status_reader = -1, .status_writer = -1};

/* Watches the parent by a descriptor. PR_SET_PDEATHSIG is not used for it: it fires when the *thread* that started us
 * ends. Having our parent's pid while we hold its descriptor rules out that the pid was taken by someone else. */
static int watch_parent(pid_t parent) {
    if (parent == 0) return -1;
    int descriptor = (int)syscall(SYS_pidfd_open, parent, 0);
    if (getppid() != parent) _exit(128 + SIGTERM);
    return descriptor;
}

static void open_status(void) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) die(71, "pipe", errno);
    run.status_reader = fcntl(ends[0], F_DUPFD_CLOEXEC, OWN_FD);
    run.status_writer = fcntl(ends[1], F_DUPFD_CLOEXEC, OWN_FD);
    if (run.status_reader < 0 || run.status_writer < 0) die(71, "pipe", errno);
    close(ends[0]);
    close(ends[1]);
}

static bool open_for_command(const struct opened *opened) {
    int file = open(opened->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file < 0) return false;
    if (file == opened->descriptor) return fcntl(file, F_SETFD, 0) == 0;
    bool is_placed = dup2(file, opened->descriptor) >= 0;
    close(file);
    return is_placed;
}

static bool prepare(const struct options *options) {
    if (!join_cgroups(&run.cgroups)) return false;
    if (options->sandboxed && dup2(run.status_writer, STATUS_FD) < 0) return false;
    for (size_t index = 0; index < options->opened_count; index++) {
        if (!open_for_command(&options->opened[index])) return false;
    }
    return apply_limits(options);
}

static bool note(pid_t leader) {
    return write_journal(run.options, leader, &run.cgroups);
}

/* Starts the command, or reports why it could not be and ends. */
static pid_t start(const struct options *options) {
    if (options->sandboxed) open_status();
    make_cgroups(options, &run.cgroups);
    struct started leader = start_command(options, prepare, note);
    if (run.status_writer >= 0) close(run.status_writer);
    if (leader.error == 0) return leader.pid;
    for (size_t index = 0; index < run.cgroups.count; index++) remove_cgroup(run.cgroups.paths[index]);
    bool is_missing = leader.error == ENOENT || leader.error == ENOTDIR;
    die(is_missing ? 127 : 126, leader.is_unprepared ? "prepare" : "exec", leader.error);
}

/* What made the end of the tree due, and how long it may take to end by itself. */
struct cause {
    const char *phase;
    long grace_ms;
};

static struct cause wait_for_end(const struct options *options, struct tree *tree, int signals, int parent) {
    struct pollfd watched[2] = {{.fd = signals, .events = POLLIN}, {.fd = parent, .events = POLLIN}};
    int timeout = options->parent != 0 && parent < 0 ? PARENT_POLL_MS : -1;
    const long grace = options->grace_ms;
    for (;;) {
        if (poll(watched, 2, timeout) < 0 && errno != EINTR) die(71, "poll", errno);
        bool parent_gone = (watched[1].revents & (POLLIN | POLLERR | POLLHUP)) != 0
            || (options->parent != 0 && getppid() != options->parent);
        if (parent_gone) return (struct cause){"parent", grace < ORPHAN_GRACE_MS ? grace : ORPHAN_GRACE_MS};
        struct signalfd_siginfo info;
        while (read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
            if (info.ssi_signo != SIGCHLD) return (struct cause){"stop", grace};
        }
        reap(tree);
        if (tree->leader_ended) return (struct cause){"run", grace < LEFTOVER_GRACE_MS ? grace : LEFTOVER_GRACE_MS};
    }
}

/* What the first process of the sandbox told. Without its last word the sandbox was not put up, or it was killed. */
static void read_status(struct report *report, const struct tree *tree) {
    struct inside_record record, last = {0};
    while (read(run.status_reader, &record, sizeof record) == (ssize_t)sizeof record) last = record;
    const int leader = tree->leader_status;
    const bool was_killed = WIFSIGNALED(leader) || (WIFEXITED(leader) && WEXITSTATUS(leader) == 128 + SIGKILL);
    switch (last.kind) {
    case INSIDE_ENDED: report->status = last.value; return;
    case INSIDE_NOT_STARTED: report->phase = "start", report->error = last.value; return;
    case INSIDE_NOT_PREPARED: report->phase = "sandbox", report->error = last.value; return;
    case INSIDE_READY:
        report->status = SIGKILL;
        if (!was_killed) report->phase = "sandbox", report->error = ECHILD;
        return;
    }
    report->status = SIGKILL;
    if (strcmp(report->phase, "run") == 0) report->phase = "sandbox", report->error = EPERM;
}

/* Ends as the command ended, so that whoever waits for us sees the same. */
static _Noreturn void end_like(const struct report *report) {
    const int status = report->status;
    if (report->error != 0) {
        dprintf(STDERR_FILENO, "gatehouse-supervisor: %s: %s\n", report->phase, strerrorname_np(report->error) ?: "?");
        _exit(report->error == ENOENT || report->error == ENOTDIR ? 127 : 126);
    }
    if (WIFSIGNALED(status)) {
        int number = WTERMSIG(status);
        struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        kill(getpid(), number);
        _exit(128 + number);
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + SIGKILL);
}

static _Noreturn void supervise(const struct options *options) {
    report_directory = options->directory;
    run.options = options;
    syscall(SYS_close_range, 3U, ~0U, 0U);
    sigset_t watched;
    block_signals(&watched);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) die(71, "PR_SET_CHILD_SUBREAPER", errno);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) die(71, "PR_SET_NO_NEW_PRIVS", errno);
    int signals = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0) die(71, "signalfd", errno);
    int parent = watch_parent(options->parent);

    struct tree tree = {.leader = start(options), .sandboxed = options->sandboxed};
    release_pipes();
    struct cause cause = wait_for_end(options, &tree, signals, parent);
    end_tree(&tree, cause.grace_ms);
    struct report report = {.phase = cause.phase, .status = tree.leader_status, .killed = tree.killed};
    if (options->sandboxed) read_status(&report, &tree);
    report.no_memory = cgroup_had_no_memory(&run.cgroups);
    for (size_t index = 0; index < run.cgroups.count; index++) {
        kill_cgroup(run.cgroups.paths[index]);
        remove_cgroup(run.cgroups.paths[index]);
    }
    write_report(options->directory, &report);
    end_like(&report);
}

int main(int argc, char **argv) {
    struct options options = parse_options(argc, argv);
    switch (options.role) {
    case 'c': tell_cgroups();
    case 'r': reap_runs(options.directory, options.only);
    case 'i': run_inside(&options);
    default: supervise(&options);
    }
}
