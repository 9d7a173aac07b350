"""A disk that fails to flush: a library under the gateway whose fsync() fails for files whose path holds a word."""

import shutil
import subprocess

import pytest

SOURCE = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The word is in a file, so that the test can change it while the gateway runs; an empty one fails nothing. */
static int fails(int descriptor) {
    char word[256] = "", link[64], path[4096];
    const char *name = getenv("TEST_FLUSHES");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return 0;
    ssize_t length = read(file, word, sizeof word - 1);
    close(file);
    if (length <= 0) return 0;
    word[length] = 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return strstr(path, word) != NULL;
}

int fsync(int descriptor) {
    if (fails(descriptor)) return errno = EIO, -1;
    return (int)syscall(SYS_fsync, descriptor);
}

int fdatasync(int descriptor) {
    if (fails(descriptor)) return errno = EIO, -1;
    return (int)syscall(SYS_fdatasync, descriptor);
}
"""


class Flushes:
    """For a gateway that is started with `environment`."""

    def __init__(self, folder):
        compiler = shutil.which("cc") or shutil.which("clang")
        if compiler is None:
            pytest.skip("no C compiler to make the failing disk with")
        source, library = folder / "flushes.c", folder / "flushes.so"
        source.write_text(SOURCE)
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source], check=True)
        self.word = folder / "flushes"
        self.fail("")
        self.environment = {"LD_PRELOAD": str(library), "TEST_FLUSHES": str(self.word)}

    def fail(self, word):
        """From now on, files whose path holds this word cannot be flushed."""
        # Read by other threads at any time: replaced, not rewritten.
        fresh = self.word.with_suffix(".new")
        fresh.write_text(word)
        fresh.replace(self.word)
