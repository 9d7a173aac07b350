/*
 * gatehouse-supervisor: runs one agent and makes sure that nothing of it survives.
 *
 *   gatehouse-supervisor [--grace-ms N] [--cpu-s N] [--nofile N] [--fsize N] [--data N] [--parent PID]
 *                        -- COMMAND [ARG...]
 *
 * It is the subreaper of everything the command starts, so that orphans become its own children and can be found. It
 * ends the whole tree when it is told to (SIGTERM, SIGINT, SIGHUP, SIGQUIT), when the process --parent is gone, and
 * when the command itself has ended. Then it ends as the command ended: with its exit code, or by its signal.
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
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* How often the parent is looked at where pidfd_open is not to be had, and how often the tree while it is ended. */
enum { PARENT_POLL_MS = 200, TREE_POLL_MS = 20 };

_Noreturn void die(int code, const char *what, int error) {
    dprintf(STDERR_FILENO, "gatehouse-supervisor: %s: %s\n", what, error ? strerrorname_np(error) : "refused");
    _exit(code);
}

static void block_signals(sigset_t *watched) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);
    sigemptyset(watched);
    sigaddset(watched, SIGTERM);
    sigaddset(watched, SIGINT);
    sigaddset(watched, SIGHUP);
    sigaddset(watched, SIGQUIT);
    sigaddset(watched, SIGCHLD);
    sigprocmask(SIG_SETMASK, watched, NULL);
}

/* Watches the parent by a descriptor. PR_SET_PDEATHSIG is not used for it: it fires when the *thread* that started us
 * ends. Having our parent's pid while we hold its descriptor rules out that the pid was taken by someone else. */
static int watch_parent(pid_t parent) {
    if (parent == 0) return -1;
    int descriptor = (int)syscall(SYS_pidfd_open, parent, 0);
    if (getppid() != parent) _exit(128 + SIGTERM);
    return descriptor;
}

static void apply_limit(int resource, rlim_t value) {
    if (value == RLIM_INFINITY) return;
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0) die(71, "getrlimit", errno);
    if (limit.rlim_max != RLIM_INFINITY && value > limit.rlim_max) value = limit.rlim_max;
    limit.rlim_cur = limit.rlim_max = value;
    if (setrlimit(resource, &limit) != 0) die(71, "setrlimit", errno);
}

static void exec_child(const struct options *options, int report, pid_t supervisor) {
    setsid();
    /* Second line of defence: the supervisor has one thread, so that this fires exactly when it is gone. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != supervisor) _exit(128 + SIGKILL);
    apply_limit(RLIMIT_CPU, options->cpu_seconds);
    apply_limit(RLIMIT_NOFILE, options->open_files);
    apply_limit(RLIMIT_FSIZE, options->file_size);
    apply_limit(RLIMIT_DATA, options->data);
    apply_limit(RLIMIT_CORE, 0);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp(options->command[0], options->command);
    int error = errno;
    if (write(report, &error, sizeof error) < 0) _exit(126);
    _exit(error == ENOENT || error == ENOTDIR ? 127 : 126);
}

/* Starts the command, or reports why it could not be and ends. */
static pid_t start(const struct options *options) {
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) die(71, "pipe", errno);
    pid_t supervisor = getpid();
    pid_t child = fork();
    if (child < 0) die(126, "fork", errno);
    if (child == 0) exec_child(options, report[1], supervisor);
    close(report[1]);
    int error = 0;
    ssize_t count;
    do count = read(report[0], &error, sizeof error);
    while (count < 0 && errno == EINTR);
    close(report[0]);
    if (count == (ssize_t)sizeof error) {
        waitpid(child, NULL, 0);
        die(error == ENOENT || error == ENOTDIR ? 127 : 126, "exec", error);
    }
    return child;
}

/* Lets go of the agent's pipes: while we held stdin's reading end, its writer would never learn that nobody reads. */
static void release_pipes(void) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) die(71, "/dev/null", errno);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    close(null);
}

/* Waits until the leader has ended, or has to. Answers how long its tree may take to end by itself. */
static long wait_for_end(const struct options *options, struct tree *tree, int signals, int parent) {
    struct pollfd watched[2] = {{.fd = signals, .events = POLLIN}, {.fd = parent, .events = POLLIN}};
    int timeout = options->parent != 0 && parent < 0 ? PARENT_POLL_MS : -1;
    for (;;) {
        if (poll(watched, 2, timeout) < 0 && errno != EINTR) die(71, "poll", errno);
        bool parent_gone = (watched[1].revents & (POLLIN | POLLERR | POLLHUP)) != 0
            || (options->parent != 0 && getppid() != options->parent);
        if (parent_gone) return options->grace_ms < ORPHAN_GRACE_MS ? options->grace_ms : ORPHAN_GRACE_MS;
        struct signalfd_siginfo info;
        while (read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
            if (info.ssi_signo != SIGCHLD) return options->grace_ms;
        }
        reap(tree);
        if (tree->leader_ended) return options->grace_ms < LEFTOVER_GRACE_MS ? options->grace_ms : LEFTOVER_GRACE_MS;
    }
}

/* Ends as the leader ended, so that whoever waits for us sees the same. */
static _Noreturn void end_like(int status) {
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

int main(int argc, char **argv) {
    struct options options = parse_options(argc, argv);
    syscall(SYS_close_range, 3U, ~0U, 0U);
    sigset_t watched;
    block_signals(&watched);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) die(71, "PR_SET_CHILD_SUBREAPER", errno);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) die(71, "PR_SET_NO_NEW_PRIVS", errno);
    int signals = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0) die(71, "signalfd", errno);
    int parent = watch_parent(options.parent);

    struct tree tree = {.leader = start(&options)};
    release_pipes();
    long grace = wait_for_end(&options, &tree, signals, parent);
    end_tree(&tree, grace, TREE_POLL_MS);
    end_like(tree.leader_status);
}
