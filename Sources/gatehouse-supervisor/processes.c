#include "supervisor.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

long now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000L + time.tv_nsec / 1000000L;
}

/* Reads "pid (name) state ppid ..." where the name may hold anything, also ") 1 2". Field 22 is the time it began. */
static bool parse_stat(const char *line, struct process *process) {
    const char *end_of_name = strrchr(line, ')');
    if (end_of_name == NULL) return false;
    int parent = 0;
    int fields = sscanf(
        end_of_name + 1, " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
        &process->state, &parent, &process->started);
    process->parent = parent;
    return fields == 3 && process->state != 'Z' && process->state != 'X';
}

bool read_process(pid_t pid, struct process *process) {
    char path[32], line[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    ssize_t count = read(file, line, sizeof line - 1);
    close(file);
    if (count <= 0) return false;
    line[count] = '\0';
    *process = (struct process){.pid = pid};
    return parse_stat(line, process);
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

bool read_processes(struct processes *list) {
    list->count = 0;
    DIR *proc = opendir("/proc");
    if (proc == NULL) return false;
    struct dirent *entry;
    while ((entry = readdir(proc)) != NULL) {
        struct process process;
        if (!isdigit((unsigned char)entry->d_name[0])) continue;
        if (read_process((pid_t)atoi(entry->d_name), &process) && !append(list, process)) break;
    }
    closedir(proc);
    return list->count > 0;
}

/* Moves the children of one process behind the marked ones. */
static size_t mark_children(struct processes *list, size_t marked, pid_t parent) {
    for (size_t index = marked; index < list->count; index++) {
        if (list->items[index].parent != parent) continue;
        struct process found = list->items[index];
        list->items[index] = list->items[marked];
        list->items[marked++] = found;
    }
    return marked;
}

size_t mark_descendants(struct processes *list, size_t marked) {
    /* The marked ones stay in the order they were found, so that each is looked at once. */
    for (size_t index = 0; index < marked; index++) marked = mark_children(list, marked, list->items[index].pid);
    return marked;
}
