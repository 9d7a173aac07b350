/* The first process of a sandbox. When it ends, the kernel ends every other process of the sandbox. */
#define _GNU_SOURCE
#include "supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void tell(int kind, int value) {
    struct inside_record record = {.kind = kind, .value = value};
    /* The supervisor outside may be gone; then so are we in a moment. */
    if (write(STATUS_FD, &record, sizeof record) < 0) return;
}

static bool prepare(const struct options *options) {
    /* Whoever put up the sandbox set them. */
    unsetenv("PWD");
    unsetenv("OLDPWD");
    return apply_limits(options) && close_system_calls();
}

static bool note_nothing(pid_t child) {
    return child > 0;
}

/* Collects what has ended. Answers whether the command is still there, and how it ended otherwise. */
static bool collect(pid_t command, int *status) {
    bool is_running = true;
    for (;;) {
        int ended = 0;
        pid_t pid = waitpid(-1, &ended, WNOHANG);
        if (pid < 0 && errno == EINTR) continue;
        if (pid <= 0) return is_running;
        if (pid != command) continue;
        *status = ended;
        is_running = false;
    }
}

/* What the command left behind may end by itself, for a moment. */
static void end_leftovers(const sigset_t *watched) {
    long start = now_ms();
    kill(-1, SIGTERM);
    kill(-1, SIGCONT);
    const struct timespec moment = {.tv_nsec = TREE_POLL_MS * 1000000L};
    while (now_ms() - start < LEFTOVER_GRACE_MS) {
        int status = 0;
        collect(0, &status);
        if (kill(-1, 0) != 0) return;
        sigtimedwait(watched, NULL, &moment);
    }
}

_Noreturn void run_inside(const struct options *options) {
    fcntl(STATUS_FD, F_SETFD, FD_CLOEXEC);
    sigset_t watched;
    block_signals(&watched);
    prctl(PR_SET_DUMPABLE, 0);
    tell(INSIDE_READY, 0);
    struct started command = start_command(options, prepare, note_nothing);
    if (command.error != 0) {
        tell(command.is_unprepared ? INSIDE_NOT_PREPARED : INSIDE_NOT_STARTED, command.error);
        _exit(0);
    }
    release_pipes();
    int status = 0;
    while (collect(command.pid, &status)) sigwaitinfo(&watched, NULL);
    tell(INSIDE_ENDED, status);
    end_leftovers(&watched);
    _exit(0);
}
