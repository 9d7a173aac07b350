"""A gateway's clock, which a test sets forward: what lasts minutes is tested without waiting for it."""

import mmap
import shutil
import struct
import subprocess

import pytest

#: Stands before the C library: the wall clock, and the clock that Swift's `ContinuousClock` reads. Not the monotonic
#: clock, which the event loops' own timers run on.
SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile const int64_t *ahead;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("TEST_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *page = mmap(0, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
    if (page != MAP_FAILED) ahead = page;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int status = (int)syscall(SYS_clock_gettime, clock, now);
    if (status == 0 && ahead && (clock == CLOCK_REALTIME || clock == CLOCK_BOOTTIME)) now->tv_sec += *ahead;
    return status;
}

time_t time(time_t *place) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (place) *place = now.tv_sec;
    return now.tv_sec;
}
"""


class Clock:
    """Seconds that a gateway started with `environment` is ahead of the host."""

    def __init__(self, folder):
        compiler = shutil.which("cc") or shutil.which("clang")
        if compiler is None:
            pytest.skip("no C compiler to make the clock with")
        source, library, state = folder / "clock.c", folder / "clock.so", folder / "clock"
        source.write_text(SOURCE)
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source], check=True)
        state.write_bytes(struct.pack("=q", 0))
        with open(state, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), 8)
        self.seconds = 0
        self.environment = {"LD_PRELOAD": str(library), "TEST_CLOCK": str(state)}

    def forward(self, seconds):
        self.seconds += seconds
        self.page[:8] = struct.pack("=q", self.seconds)

    def close(self):
        self.page.close()
