#define _GNU_SOURCE
#include "gatehouse_memory.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void gatehouse_return_large_memory(void) {
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

void gatehouse_trim_memory(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

/* Code is never written to, so the system can always read it again from the file: only such mappings are let go. */
static void forget_mapping(const char *line, const char *program) {
    unsigned long start, end;
    char rights[5], path[4096];
    if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %4095[^\n]", &start, &end, rights, path) != 4) return;
    if (strcmp(rights, "r-xp") == 0 && strcmp(path, program) == 0)
        madvise((void *)start, end - start, MADV_DONTNEED);
}

void gatehouse_forget_code(void) {
    char program[4096];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    FILE *maps = length > 0 ? fopen("/proc/self/maps", "re") : NULL;
    if (maps == NULL) return;
    program[length] = 0;
    char line[4352];
    while (fgets(line, sizeof line, maps) != NULL) forget_mapping(line, program);
    fclose(maps);
}
