/* Ends what former runs left: the gateway and the supervisor may both have been killed.
 *
 * A process belongs to a run when the run's journal names it, with the time it began and in this boot: a pid that was
 * given to another process since does not count. With it go all that stem from it, and all whose environment names the
 * run's directory, which finds those that lost their parents. */
#define _GNU_SOURCE
#include "supervisor.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { JOURNALED_LIMIT = 8 };

struct run {
    char path[4096];
    struct process journaled[JOURNALED_LIMIT];
    size_t count;
    char *cgroups[CGROUP_LIMIT];
    size_t cgroup_count;
    /* The processes that were met, each once. */
    size_t killed;
};

static void read_line(struct run *run, const char *line, const char *boot, bool *is_this_boot) {
    char word[64];
    struct process process = {0};
    if (sscanf(line, "boot %63s", word) == 1) *is_this_boot = strcmp(word, boot) == 0;
    if (!*is_this_boot) return;
    if (run->count < JOURNALED_LIMIT && sscanf(line, "process %d %llu", &process.pid, &process.started) == 2) {
        run->journaled[run->count++] = process;
    }
    if (run->cgroup_count < CGROUP_LIMIT && strncmp(line, "cgroup /", 8) == 0 && strstr(line, "/gatehouse-") != NULL) {
        run->cgroups[run->cgroup_count++] = strndup(line + 7, strcspn(line + 7, "\n"));
    }
}

/* False when the run has no journal: nothing was started. */
static bool read_journal(struct run *run, const char *boot) {
    char path[4200], line[4096];
    snprintf(path, sizeof path, "%s/process", run->path);
    int file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    FILE *journal = file < 0 ? NULL : fdopen(file, "r");
    if (journal == NULL) return false;
    bool is_this_boot = false;
    while (fgets(line, sizeof line, journal) != NULL) read_line(run, line, boot, &is_this_boot);
    fclose(journal);
    return true;
}

/* Whether a process was given the run's directory, as all agents are (TMPDIR). */
static bool names_directory(pid_t pid, const char *directory) {
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    /* 128 KiB is more than the gateway gives; what is behind it does not matter. */
    static char bytes[128 << 10];
    size_t length = 0;
    ssize_t count;
    while (length < sizeof bytes && (count = read(file, bytes + length, sizeof bytes - length)) > 0) {
        length += (size_t)count;
    }
    close(file);
    size_t size = strlen(directory);
    for (const char *at = bytes; (at = memmem(at, length - (size_t)(at - bytes), directory, size)) != NULL; at++) {
        const char *next = at + size;
        if (at > bytes && at[-1] == '=' && next < bytes + length && (*next == '/' || *next == '\0')) return true;
    }
    return false;
}

static bool is_of(const struct run *run, const struct process *process) {
    for (size_t index = 0; index < run->count; index++) {
        const struct process *known = &run->journaled[index];
        if (known->pid == process->pid && known->started == process->started) return true;
    }
    return names_directory(process->pid, run->path);
}

/* The processes of a run, at the front of the list. */
static size_t find(const struct run *run, struct processes *list) {
    if (!read_processes(list)) return 0;
    size_t marked = 0;
    for (size_t index = 0; index < list->count; index++) {
        struct process found = list->items[index];
        if (found.pid == getpid() || found.pid == 1 || !is_of(run, &found)) continue;
        list->items[index] = list->items[marked];
        list->items[marked++] = found;
    }
    return mark_descendants(list, marked);
}

/* By a descriptor, and after another look at when it began, so that a pid that is given anew meanwhile is safe. */
static bool send(const struct process *process, int number) {
    int descriptor = (int)syscall(SYS_pidfd_open, process->pid, 0);
    if (descriptor < 0) return false;
    struct process now = {0};
    bool is_same = read_process(process->pid, &now) && now.started == process->started;
    bool is_sent = is_same && syscall(SYS_pidfd_send_signal, descriptor, number, NULL, 0) == 0;
    close(descriptor);
    return is_sent;
}

static void tell_process(const struct process *process) {
    char path[32], name[32] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", (int)process->pid);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fgets(name, sizeof name, file) == NULL) name[0] = '\0';
        fclose(file);
    }
    for (char *byte = name; *byte; byte++) {
        if (*byte <= ' ' || *byte > '~' || *byte == ',') *byte = *byte == '\n' ? '\0' : '?';
    }
    printf("%s%d:%s", " ", (int)process->pid, name);
}

/* Stops all until a pass meets nobody new, so that none can start another one, then kills them. */
static void end_run(struct run *run) {
    struct processes list = {0};
    const struct timespec moment = {.tv_nsec = TREE_POLL_MS * 1000000L};
    long start = now_ms();
    size_t count = find(run, &list);
    while (count > 0 && now_ms() - start < KILL_LIMIT_MS) {
        bool is_news = true;
        for (int pass = 0; pass < 20 && is_news; pass++) {
            is_news = false;
            for (size_t index = 0; index < count; index++) {
                if (list.items[index].state != 'T' && send(&list.items[index], SIGSTOP)) is_news = true;
            }
            count = find(run, &list);
        }
        for (size_t index = 0; index < count; index++) {
            if (!send(&list.items[index], SIGKILL)) continue;
            run->killed++;
            tell_process(&list.items[index]);
        }
        nanosleep(&moment, NULL);
        count = find(run, &list);
    }
    free(list.items);
}

/* Prints "RUN KILLED PID:NAME ..." */
static void reap_run(const char *directory, const char *name, const char *boot) {
    struct run run = {.count = 0};
    if (snprintf(run.path, sizeof run.path, "%s/%s", directory, name) >= (int)sizeof run.path) return;
    if (!read_journal(&run, boot)) return;
    printf("%s", name);
    end_run(&run);
    printf("\n");
    for (size_t index = 0; index < run.cgroup_count; index++) {
        kill_cgroup(run.cgroups[index]);
        remove_cgroup(run.cgroups[index]);
        free(run.cgroups[index]);
    }
}

_Noreturn void reap_runs(const char *directory, const char *only) {
    char boot[64];
    if (!read_boot(boot, sizeof boot)) die(71, "boot_id", errno);
    DIR *runs = opendir(directory);
    if (runs == NULL) die(74, "runs", errno);
    struct dirent *entry;
    while ((entry = readdir(runs)) != NULL) {
        if (strncmp(entry->d_name, "run-", 4) != 0) continue;
        if (only == NULL || strcmp(only, entry->d_name) == 0) reap_run(directory, entry->d_name, boot);
    }
    closedir(runs);
    exit(fflush(stdout) == 0 ? 0 : 74);
}
