#include "supervisor.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct process {
    pid_t pid, parent;
};

struct processes {
    struct process *items;
    size_t count, capacity;
};

static long now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000L + time.tv_nsec / 1000000L;
}

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

/* Reads "pid (name) state ppid ..." where the name may hold anything, also ") 1 2". */
static bool read_process(int proc, const char *name, struct process *process) {
    char path[32], line[512];
    if (snprintf(path, sizeof path, "%s/stat", name) >= (int)sizeof path) return false;
    int file = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    ssize_t count = read(file, line, sizeof line - 1);
    close(file);
    if (count <= 0) return false;
    line[count] = '\0';
    const char *end_of_name = strrchr(line, ')');
    char state = 0;
    int parent = 0;
    if (end_of_name == NULL || sscanf(end_of_name + 1, " %c %d", &state, &parent) != 2) return false;
    *process = (struct process){.pid = (pid_t)atoi(name), .parent = parent};
    return state != 'Z' && state != 'X';
}

static bool append(struct processes *list, struct process process) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 256;
        struct process *items = realloc(list->items, capacity * sizeof *items);
        if (items == NULL) return false;
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = process;
    return true;
}

static bool read_processes(struct processes *list) {
    list->count = 0;
    DIR *proc = opendir("/proc");
    if (proc == NULL) return false;
    struct dirent *entry;
    while ((entry = readdir(proc)) != NULL) {
        struct process process;
        if (!isdigit((unsigned char)entry->d_name[0])) continue;
        if (read_process(dirfd(proc), entry->d_name, &process) && !append(list, process)) break;
    }
    closedir(proc);
    return list->count > 0;
}

/* Marks the children of one process. The ones that stem from us are kept at the front of the list, in the order they
 * were found, so that each is looked at once. */
static size_t mark_children(struct processes *list, size_t marked, pid_t parent) {
    for (size_t index = marked; index < list->count; index++) {
        if (list->items[index].parent != parent) continue;
        struct process found = list->items[index];
        list->items[index] = list->items[marked];
        list->items[marked++] = found;
    }
    return marked;
}

static size_t mark_ours(struct processes *list) {
    size_t marked = mark_children(list, 0, getpid());
    for (size_t index = 0; index < marked; index++) marked = mark_children(list, marked, list->items[index].pid);
    return marked;
}

/* Sends a signal to the whole tree; to the leader's group where /proc cannot be read. */
static void signal_tree(struct processes *list, pid_t leader, int number) {
    if (!read_processes(list)) {
        kill(-leader, number);
        return;
    }
    size_t count = mark_ours(list);
    for (size_t index = 0; index < count; index++) kill(list->items[index].pid, number);
}

/* Waits for the end of some child, or for `milliseconds`. */
static void pause_ms(int milliseconds) {
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    struct timespec time = {.tv_sec = milliseconds / 1000, .tv_nsec = (milliseconds % 1000) * 1000000L};
    sigtimedwait(&child, NULL, &time);
}

void end_tree(struct tree *tree, long grace_ms, int poll_ms) {
    struct processes list = {0};
    long start = now_ms();
    if (reap(tree)) signal_tree(&list, tree->leader, SIGTERM);
    while (reap(tree) && now_ms() - start < grace_ms) pause_ms(poll_ms);
    /* A process that is stopped can no longer start another one: stop first, then look again and kill, until a round
     * finds nobody. */
    long killing = now_ms();
    while (reap(tree) && now_ms() - killing < KILL_LIMIT_MS) {
        signal_tree(&list, tree->leader, SIGSTOP);
        signal_tree(&list, tree->leader, SIGKILL);
        pause_ms(poll_ms);
    }
    free(list.items);
}
