// Sends requests at a fixed rate, whether or not those before were answered, and tells of each when it was due and how long
// the answer took from then. One thread, epoll; connections are kept and used again.
//
//     load PORT REQUEST CONNECTIONS RATE:SECONDS[,RATE:SECONDS...]
//
// REQUEST is a file with one whole request; a run of eight '@' in it becomes the number of the request. Each line of output:
// microseconds since the start when it was due, microseconds to the end of the answer, its status. Status 0 is an answer that
// broke off or never began, status 1 one that had not come 30 s behind the end.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { MAXIMUM_PHASES = 64, MAXIMUM_HEAD = 16384, NUMBER = 8, PATIENCE = 30 };

typedef struct connection {
    int fd;
    bool busy, connected, seen_head, closes;
    long call;       // What it serves.
    size_t sent;     // Of the request.
    char head[MAXIMUM_HEAD];
    size_t have;     // Of the head.
    long rest;       // Of the body; -1 until the connection's end.
    int status;
    struct connection *next; // Of those that rest.
} connection;

typedef struct { int64_t due; int64_t took; int status; } call;

static struct sockaddr_in place;
static char *request;
static size_t length, number_at;
static bool has_number;
static int poll_fd;
static int64_t start;
static call *calls;
static long planned, next_call, answered;
static connection *resting;
static int open_now, most;

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void watch(connection *c, uint32_t events, int how) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (epoll_ctl(poll_fd, how, c->fd, &event) != 0) fail("epoll_ctl");
}

static void finish(connection *c, int status) {
    calls[c->call].took = now() - start - calls[c->call].due;
    calls[c->call].status = status;
    answered++;
    c->busy = false;
}

static void drop(connection *c) {
    if (c->busy) finish(c, 0);
    close(c->fd);
    open_now--;
    free(c);
}

static void transmit(connection *c) {
    // All share the bytes of the request: its number is put in before each piece.
    long number = c->call;
    for (int i = NUMBER - 1; has_number && i >= 0; i--, number /= 10) request[number_at + (size_t)i] = (char)('0' + number % 10);
    while (c->sent < length) {
        ssize_t n = send(c->fd, request + c->sent, length - c->sent, MSG_NOSIGNAL);
        // Full for now, or over, which is an event of its own.
        if (n < 0) return;
        c->sent += (size_t)n;
    }
}

static void begin(connection *c, long number) {
    c->busy = true;
    c->call = number;
    c->sent = c->have = 0;
    c->seen_head = c->closes = false;
    if (c->connected) transmit(c);
}

static connection *connect_one(void) {
    connection *c = calloc(1, sizeof *c);
    if (!c) fail("calloc");
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0) fail("socket");
    int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->fd, (struct sockaddr *)&place, sizeof place) != 0 && errno != EINPROGRESS) {
        close(c->fd);
        free(c);
        return NULL;
    }
    open_now++;
    watch(c, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, EPOLL_CTL_ADD);
    return c;
}

// The head is whole: what it says of the body. False when it says nothing that is known here.
static bool read_head(connection *c) {
    c->status = atoi(c->head + 9);
    c->rest = -1;
    for (char *line = strstr(c->head, "\r\n"); line && line[2] != '\r'; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, "content-length:", 15) == 0) c->rest = atol(line + 17);
        if (strncasecmp(line + 2, "connection: close", 17) == 0) c->closes = true;
        if (strncasecmp(line + 2, "transfer-encoding:", 18) == 0) return false;
    }
    c->seen_head = true;
    return c->rest >= 0;
}

// False when the connection is over.
static bool take(connection *c, const char *bytes, size_t count) {
    if (!c->busy) return false;
    if (!c->seen_head) {
        size_t room = MAXIMUM_HEAD - 1 - c->have, part = count < room ? count : room, before = c->have;
        memcpy(c->head + c->have, bytes, part);
        c->have += part;
        c->head[c->have] = 0;
        char *end = strstr(c->head, "\r\n\r\n");
        if (!end) return c->have < MAXIMUM_HEAD - 1;
        size_t used = (size_t)(end + 4 - c->head) - before;
        if (!read_head(c)) return false;
        bytes += used;
        count -= used;
    }
    c->rest -= (long)count;
    if (c->rest > 0) return true;
    finish(c, c->rest == 0 ? c->status : 0);
    if (c->closes || c->rest < 0) return false;
    c->next = resting;
    resting = c;
    return true;
}

static void unlist(connection *c) {
    for (connection **at = &resting; *at; at = &(*at)->next)
        if (*at == c) {
            *at = c->next;
            return;
        }
}

static void handle(connection *c, uint32_t events) {
    static char bytes[65536];
    if ((events & EPOLLOUT) && !(events & (EPOLLERR | EPOLLHUP))) {
        c->connected = true;
        if (c->busy && c->sent < length) transmit(c);
    }
    for (;;) {
        ssize_t n = recv(c->fd, bytes, sizeof bytes, 0);
        if (n > 0 && take(c, bytes, (size_t)n)) continue;
        if (n < 0 && errno == EAGAIN) return;
        if (!c->busy) unlist(c);
        return drop(c);
    }
}

// Begins what is due, as far as connections go; the others wait, and their time counts.
static void dispatch(void) {
    int64_t time = now() - start;
    while (next_call < planned && calls[next_call].due <= time) {
        connection *c = resting;
        if (c) resting = c->next;
        else if (open_now >= most || !(c = connect_one())) return;
        begin(c, next_call++);
    }
}

static void set_timer(int fd) {
    struct itimerspec when = {0};
    if (next_call < planned) {
        int64_t at = start + calls[next_call].due, soon = now() + 200;
        if (at < soon) at = soon;
        when.it_value = (struct timespec){at / 1000000, at % 1000000 * 1000};
    } else {
        int64_t at = now() + 100000;
        when.it_value = (struct timespec){at / 1000000, at % 1000000 * 1000};
    }
    timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void plan(char *text) {
    int64_t begin = 0;
    for (char *part = strtok(text, ","); part; part = strtok(NULL, ",")) {
        double rate = atof(part), seconds = atof(strchr(part, ':') ? strchr(part, ':') + 1 : "0");
        long count = (long)(rate * seconds);
        calls = realloc(calls, (size_t)(planned + count + 1) * sizeof *calls);
        if (!calls) fail("realloc");
        for (long i = 0; i < count; i++) calls[planned + i] = (call){begin + (int64_t)(i * 1e6 / rate), 0, 1};
        planned += count;
        begin += (int64_t)(seconds * 1e6);
    }
}

static void load_request(const char *path) {
    int fd = open(path, O_RDONLY);
    struct stat about;
    if (fd < 0 || fstat(fd, &about) != 0) fail(path);
    length = (size_t)about.st_size;
    request = malloc(length + 1);
    if (!request || read(fd, request, length) != (ssize_t)length) fail(path);
    request[length] = 0;
    char *at = strstr(request, "@@@@@@@@");
    has_number = at != NULL;
    number_at = at ? (size_t)(at - request) : 0;
    close(fd);
}

int main(int argc, char **argv) {
    if (argc != 5) return fprintf(stderr, "load PORT REQUEST CONNECTIONS RATE:SECONDS[,...]\n"), 64;
    place = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    load_request(argv[2]);
    most = atoi(argv[3]);
    plan(argv[4]);
    poll_fd = epoll_create1(0);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    connection alarm = {.fd = timer};
    watch(&alarm, EPOLLIN, EPOLL_CTL_ADD);
    start = now();
    int64_t end = start + (planned ? calls[planned - 1].due : 0) + PATIENCE * 1000000LL;
    while (answered < planned && now() < end) {
        dispatch();
        set_timer(timer);
        struct epoll_event events[256];
        int count = epoll_wait(poll_fd, events, 256, -1);
        for (int i = 0; i < count; i++) {
            uint64_t ticks;
            if (events[i].data.ptr == &alarm) (void)!read(timer, &ticks, sizeof ticks);
            else handle(events[i].data.ptr, events[i].events);
        }
    }
    for (long i = 0; i < planned; i++)
        printf("%lld %lld %d\n", (long long)calls[i].due, (long long)calls[i].took, calls[i].status);
    return 0;
}
