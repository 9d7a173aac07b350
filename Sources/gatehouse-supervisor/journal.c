/* What is kept of a run in its directory: the journal, by which a later gateway finds its processes, and the report. */
#define _GNU_SOURCE
#include "supervisor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct text {
    char bytes[8192];
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(text->bytes + text->length, sizeof text->bytes - text->length, format, arguments);
    va_end(arguments);
    if (count > 0) text->length += (size_t)count;
    if (text->length >= sizeof text->bytes) text->length = sizeof text->bytes - 1;
}

/* In one piece: a reader sees all of it or nothing. */
static bool write_text(const char *directory, const char *name, const struct text *text) {
    char path[4096], temporary[4096];
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) return false;
    if (snprintf(temporary, sizeof temporary, "%s/.%s", directory, name) >= (int)sizeof temporary) return false;
    int file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0) return false;
    bool is_written = write(file, text->bytes, text->length) == (ssize_t)text->length;
    close(file);
    return is_written && rename(temporary, path) == 0;
}

bool read_boot(char *boot, size_t size) {
    int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    ssize_t count = read(file, boot, size - 1);
    close(file);
    boot[count > 0 ? count : 0] = '\0';
    boot[strcspn(boot, "\n")] = '\0';
    return *boot != '\0';
}

bool write_journal(const struct options *options, pid_t leader, const struct cgroups *cgroups) {
    if (options->directory == NULL) return true;
    char boot[64];
    struct process ours = {0}, its = {0};
    if (!read_boot(boot, sizeof boot)) return false;
    if (!read_process(getpid(), &ours) || !read_process(leader, &its)) return false;
    struct text text = {.length = 0};
    say(&text, "boot %s\n", boot);
    say(&text, "process %d %llu\n", (int)ours.pid, ours.started);
    say(&text, "process %d %llu\n", (int)its.pid, its.started);
    for (size_t index = 0; index < cgroups->count; index++) say(&text, "cgroup %s\n", cgroups->paths[index]);
    return write_text(options->directory, "process", &text);
}

void write_report(const char *directory, const struct report *report) {
    if (directory == NULL) return;
    struct text text = {.length = 0};
    say(&text, "phase=%s\n", report->phase);
    if (report->error != 0) say(&text, "error=%s\n", strerrorname_np(report->error) ?: "?");
    else if (WIFSIGNALED(report->status)) say(&text, "signal=%d\n", WTERMSIG(report->status));
    else say(&text, "exit=%d\n", WEXITSTATUS(report->status));
    if (report->killed > 0) say(&text, "killed=%zu\n", report->killed);
    if (report->no_memory) say(&text, "memory=exhausted\n");
    /* Without a report the gateway goes by how we end. */
    if (!write_text(directory, "report", &text)) return;
}
