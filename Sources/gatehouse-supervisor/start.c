#define _GNU_SOURCE
#include "supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

void block_signals(sigset_t *watched) {
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

static bool apply_limit(int resource, rlim_t value) {
    if (value == RLIM_INFINITY) return true;
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0) return false;
    if (limit.rlim_max != RLIM_INFINITY && value > limit.rlim_max) value = limit.rlim_max;
    limit.rlim_cur = limit.rlim_max = value;
    return setrlimit(resource, &limit) == 0;
}

bool apply_limits(const struct options *options) {
    return apply_limit(RLIMIT_CPU, options->cpu_seconds) && apply_limit(RLIMIT_NOFILE, options->open_files)
        && apply_limit(RLIMIT_FSIZE, options->file_size) && apply_limit(RLIMIT_DATA, options->data)
        && apply_limit(RLIMIT_NPROC, options->processes) && apply_limit(RLIMIT_CORE, 0);
}

struct pipe {
    int reader, writer;
};

/* A pipe whose ends are out of the way of the command's descriptors, and not for it. */
static struct pipe own_pipe(void) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) die(71, "pipe", errno);
    struct pipe pipe = {fcntl(ends[0], F_DUPFD_CLOEXEC, OWN_FD), fcntl(ends[1], F_DUPFD_CLOEXEC, OWN_FD)};
    if (pipe.reader < 0 || pipe.writer < 0) die(71, "pipe", errno);
    close(ends[0]);
    close(ends[1]);
    return pipe;
}

struct start_record {
    enum { START_NOT_PREPARED = 1, START_NOT_EXECUTED } kind;
    int error;
};

static _Noreturn void give_up(int report, struct start_record record) {
    if (write(report, &record, sizeof record) < 0) _exit(126);
    _exit(record.error == ENOENT || record.error == ENOTDIR ? 127 : 126);
}

/* Waits until the starter has noted us. When it ends instead, so do we. */
static void wait_for_go(int go) {
    char said = 0;
    ssize_t count;
    do count = read(go, &said, 1);
    while (count < 0 && errno == EINTR);
    if (count != 1) _exit(128 + SIGKILL);
}

static _Noreturn void exec_child(
    const struct options *options, bool (*prepare)(const struct options *), int go, int report, pid_t starter) {
    setsid();
    /* Second line of defence: the starter has one thread, so that this fires exactly when it is gone. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != starter) _exit(128 + SIGKILL);
    wait_for_go(go);
    /* It hangs up when the gateway is gone, and interrupts reach whatever the command starts. */
    if (options->terminal && ioctl(STDIN_FILENO, TIOCSCTTY, 0) != 0) {
        give_up(report, (struct start_record){START_NOT_PREPARED, errno});
    }
    if (!prepare(options)) give_up(report, (struct start_record){START_NOT_PREPARED, errno});
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp(options->command[0], options->command);
    give_up(report, (struct start_record){START_NOT_EXECUTED, errno});
}

/* What comes through the pipe when exec fails; nothing when the pipe is closed by an exec that worked. */
static struct start_record wait_for_exec(struct pipe report) {
    close(report.writer);
    struct start_record record = {0};
    ssize_t count;
    do count = read(report.reader, &record, sizeof record);
    while (count < 0 && errno == EINTR);
    close(report.reader);
    return count == (ssize_t)sizeof record ? record : (struct start_record){0};
}

struct started start_command(
    const struct options *options, bool (*prepare)(const struct options *), bool (*note)(pid_t child)) {
    struct pipe report = own_pipe(), go = own_pipe();
    pid_t starter = getpid();
    pid_t child = fork();
    if (child < 0) die(126, "fork", errno);
    if (child == 0) {
        close(go.writer);
        exec_child(options, prepare, go.reader, report.writer, starter);
    }
    close(go.reader);
    if (!note(child)) {
        int error = errno;
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        die(71, "journal", error);
    }
    /* A child that is gone already is found out below. */
    if (write(go.writer, "g", 1) != 1 && errno != EPIPE) die(71, "pipe", errno);
    close(go.writer);
    struct start_record record = wait_for_exec(report);
    if (record.kind != 0) waitpid(child, NULL, 0);
    return (struct started){
        .pid = child, .error = record.error, .is_unprepared = record.kind == START_NOT_PREPARED};
}

void release_pipes(void) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) die(71, "/dev/null", errno);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    close(null);
}
