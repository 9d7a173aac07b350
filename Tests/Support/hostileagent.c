/* Agents that no gateway wants: `hostileagent MODE [WITNESS]`. The tests compile it; it uses the C library only.
 *
 * WITNESS names a file to which each process of the agent appends a byte as a sign that the mode was reached. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *witness;

static void reached(void) {
    int file = witness ? open(witness, O_WRONLY | O_APPEND | O_CREAT, 0600) : -1;
    if (file >= 0 && write(file, ".", 1) == 1) close(file);
}

static void say(const char *text) {
    if (write(1, text, strlen(text)) < 0) _exit(1);
}

static _Noreturn void hang(void) {
    for (;;) pause();
}

static void deafen(void) {
    for (int number = 1; number < NSIG; number++) signal(number, SIG_IGN);
}

/* Ignores SIGTERM, and every other signal that can be ignored. */
static void ignores_term(void) {
    deafen();
    reached();
    say("I stay\n");
    hang();
}

static void stops_itself(void) {
    say("I stop\n");
    reached();
    kill(getpid(), SIGSTOP);
    hang();
}

/* A thousand children that stay, as many as it is let have. */
static void forks(void) {
    deafen();
    for (int count = 0; count < 1000; count++) {
        pid_t child = fork();
        if (child == 0) hang();
        if (child < 0) break;
    }
    reached();
    say("we are many\n");
    hang();
}

/* A grandchild in a session of its own, whose parent is gone. */
static void daemonizes(void) {
    deafen();
    if (fork() == 0) {
        setsid();
        if (fork() == 0) {
            reached();
            hang();
        }
        _exit(0);
    }
    wait(NULL);
    say("it is on its own\n");
}

/* Stays, and so does a grandchild that has left. */
static void stays(void) {
    deafen();
    if (fork() == 0) {
        setsid();
        if (fork() == 0) {
            reached();
            hang();
        }
        _exit(0);
    }
    wait(NULL);
    say("we stay\n");
    hang();
}

/* A child keeps the pipes open after the end. */
static void holds_the_pipe(void) {
    if (fork() == 0) {
        deafen();
        reached();
        hang();
    }
    say("my child holds the pipe\n");
}

static void never_reads(void) {
    reached();
    say("I did not read\n");
    hang();
}

static void floods(const char *block, size_t size, size_t count) {
    reached();
    for (size_t index = 0; index < count; index++) {
        for (size_t done = 0; done < size;) {
            ssize_t written = write(1, block + done, size - done);
            if (written < 0 && errno != EINTR) _exit(1);
            if (written > 0) done += (size_t)written;
        }
    }
}

/* 1 GB without a line feed. */
static void one_line(void) {
    static char block[1 << 20];
    memset(block, 'x', sizeof block);
    block[0] = '{';
    floods(block, sizeof block, 1024);
}

/* 1,000,000 lines. */
static void many_lines(void) {
    static char block[8000];
    for (size_t index = 0; index < sizeof block; index += 8) memcpy(block + index, "a line.\n", 8);
    floods(block, sizeof block, 1000);
}

/* Bytes that are no UTF-8, a cut character at the end, and sequences for terminals. */
static void not_utf8(void) {
    static const char bytes[] = "\xff\xfe\xc0\x80\xed\xa0\x80\xf5\x80\x80\x80 text \x1b]0;title\x07\x1b[31mred\x1b[0m \xe2\x82";
    floods(bytes, sizeof bytes - 1, 1000);
}

static void silent(void) {
    reached();
    hang();
}

static void dies(void) {
    reached();
    say("and then\n");
    signal(SIGSEGV, SIG_DFL);
    kill(getpid(), SIGSEGV);
    hang();
}

static void empty(void) {
    reached();
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*act)(void);
    } modes[] = {
        {"ignores-term", ignores_term}, {"stops-itself", stops_itself}, {"forks", forks}, {"daemonizes", daemonizes},
        {"holds-the-pipe", holds_the_pipe}, {"never-reads", never_reads}, {"one-line", one_line},
        {"many-lines", many_lines}, {"not-utf8", not_utf8}, {"silent", silent}, {"dies", dies}, {"empty", empty},
        {"stays", stays},
    };
    witness = argc > 2 ? argv[2] : NULL;
    for (size_t index = 0; argc > 1 && index < sizeof modes / sizeof *modes; index++) {
        if (strcmp(argv[1], modes[index].name) != 0) continue;
        modes[index].act();
        return 0;
    }
    return 64;
}
