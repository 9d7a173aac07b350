#include "supervisor.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <errno.h>
#include <time.h>
#include <unistd.h>

bool reap(struct tree *tree) {
    for (;;) {
        int status = 0;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid == 0) return true;
        if (pid < 0 && errno == EINTR) continue;
        if (pid < 0) return false;
        if (pid == tree->leader) {
            tree->leader_ended = true;
            tree->leader_status = status;
        }
    }
}

/* All processes that stem from us, but for ourselves, at the front of the list. */
static size_t find_ours(struct processes *list) {
    if (!read_processes(list)) return 0;
    for (size_t index = 0; index < list->count; index++) {
        if (list->items[index].pid != getpid()) continue;
        struct process first = list->items[0];
        list->items[0] = list->items[index];
        list->items[index] = first;
        return mark_descendants(list, 1);
    }
    return 0;
}

/* Sends a signal to the whole tree, to the leader's group where /proc cannot be read. Answers how many got it that had
 * not got it before: a process that is stopped already does not count for SIGSTOP. */
static size_t signal_tree(struct processes *list, const struct tree *tree, int number) {
    size_t count = find_ours(list), reached = 0;
    if (count == 0) kill(-tree->leader, number);
    for (size_t index = 1; index < count; index++) {
        const struct process *process = &list->items[index];
        if (number == SIGTERM && tree->sandboxed && process->pid == tree->leader) continue;
        if (number == SIGSTOP && process->state == 'T') continue;
        if (kill(process->pid, number) == 0) reached++;
    }
    return reached;
}

/* Waits for the end of some child, or for `milliseconds`. */
static void pause_ms(int milliseconds) {
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    struct timespec time = {.tv_sec = milliseconds / 1000, .tv_nsec = (milliseconds % 1000) * 1000000L};
    sigtimedwait(&child, NULL, &time);
}

/* A process that is stopped can no longer start another one: stop until nobody runs, then kill. */
static size_t kill_round(struct processes *list, const struct tree *tree) {
    for (int pass = 0; pass < 20 && signal_tree(list, tree, SIGSTOP) > 0; pass++) {}
    return signal_tree(list, tree, SIGKILL);
}

void end_tree(struct tree *tree, long grace_ms) {
    struct processes list = {0};
    long start = now_ms();
    if (reap(tree)) {
        signal_tree(&list, tree, SIGTERM);
        /* Who has stopped itself is to hear of it as well. */
        signal_tree(&list, tree, SIGCONT);
    }
    while (reap(tree) && now_ms() - start < grace_ms) pause_ms(TREE_POLL_MS);
    long killing = now_ms();
    for (bool first = true; reap(tree) && now_ms() - killing < KILL_LIMIT_MS; first = false) {
        size_t count = kill_round(&list, tree);
        if (first) tree->killed = count;
        pause_ms(TREE_POLL_MS);
    }
    free(list.items);
}
