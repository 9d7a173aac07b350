/* What is denied inside a sandbox beyond what its name spaces keep apart: ways to look into other processes, to make name
 * spaces and mounts, to load code into the kernel, and sockets that reach past the network of a name space. */
#define _GNU_SOURCE
#include "supervisor.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OUR_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "the filter of system calls does not know this processor"
#endif

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

/* Calls that older headers do not name; their numbers are the same everywhere. */
enum {
    CALL_PIDFD_GETFD = 438, CALL_OPEN_TREE = 428, CALL_MOVE_MOUNT = 429, CALL_FSOPEN = 430, CALL_FSCONFIG = 431,
    CALL_FSMOUNT = 432, CALL_FSPICK = 433, CALL_CLONE3 = 435, CALL_MOUNT_SETATTR = 442, CALL_OPEN_TREE_ATTR = 467,
    CALL_IO_URING_SETUP = 425, CALL_IO_URING_ENTER = 426, CALL_IO_URING_REGISTER = 427,
    CALL_LANDLOCK_CREATE_RULESET = 444, CALL_LANDLOCK_RESTRICT_SELF = 446,
};

static const int denied[] = {
    /* Other processes. */
    SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, CALL_PIDFD_GETFD,
    /* Name spaces and mounts. */
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_setns, CALL_OPEN_TREE, CALL_MOVE_MOUNT, CALL_FSOPEN,
    CALL_FSCONFIG, CALL_FSMOUNT, CALL_FSPICK, CALL_MOUNT_SETATTR, CALL_OPEN_TREE_ATTR,
    /* The kernel. */
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load,
    SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct, SYS_syslog, SYS_quotactl, SYS_settimeofday, SYS_clock_settime,
    SYS_clock_adjtime, SYS_adjtimex, SYS_sethostname, SYS_setdomainname, SYS_vhangup, SYS_nfsservctl,
    SYS_lookup_dcookie, SYS_fanotify_init, SYS_name_to_handle_at, SYS_open_by_handle_at,
    CALL_IO_URING_SETUP, CALL_IO_URING_ENTER, CALL_IO_URING_REGISTER,
    /* Keys are those of the user, not of the name space. */
    SYS_keyctl, SYS_add_key, SYS_request_key,
#if defined(__x86_64__)
    SYS_kexec_file_load, SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_uselib, SYS_ustat, SYS_sysfs, SYS__sysctl,
#endif
};

static const unsigned name_spaces = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID
    | CLONE_NEWNET | CLONE_NEWCGROUP | CLONE_NEWTIME;

struct program {
    struct sock_filter items[320];
    size_t count;
};

static void add(struct program *program, struct sock_filter item) {
    if (program->count == sizeof program->items / sizeof *program->items) die(71, "filter", E2BIG);
    program->items[program->count++] = item;
}

static void load(struct program *program, uint32_t offset) {
    add(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
}

static void answer(struct program *program, uint32_t action) {
    add(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* Goes on with the next `length` items when what is loaded is `value`, and past them otherwise. */
static void when(struct program *program, uint32_t value, unsigned char length) {
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, length));
}

static uint32_t refuse(int error) {
    return SECCOMP_RET_ERRNO | ((uint32_t)error & SECCOMP_RET_DATA);
}

/* The lower half of an argument; both processors store it first. */
static uint32_t argument(unsigned index) {
    return (uint32_t)(offsetof(struct seccomp_data, args) + index * sizeof(uint64_t));
}

/* Name spaces by `clone` and `unshare`. The flags of `clone3` lie in memory that a filter cannot see; who is told that
 * there is no such call uses `clone`. */
static void add_name_spaces(struct program *program) {
    static const int calls[] = {SYS_clone, SYS_unshare};
    for (size_t index = 0; index < 2; index++) {
        when(program, (uint32_t)calls[index], 4);
        load(program, argument(0));
        add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, name_spaces, 0, 1));
        answer(program, refuse(EPERM));
        answer(program, SECCOMP_RET_ALLOW);
    }
    when(program, CALL_CLONE3, 1);
    answer(program, refuse(ENOSYS));
}

/* Sockets of the local host and of the internet only. What netlink can tell of the network is let through. */
static void add_sockets(struct program *program) {
    when(program, SYS_socket, 10);
    load(program, argument(0));
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 3, 0));
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 2, 0));
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 1, 0));
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 1, 3));
    answer(program, SECCOMP_RET_ALLOW);
    load(program, argument(2));
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0));
    answer(program, refuse(EAFNOSUPPORT));
    answer(program, SECCOMP_RET_ALLOW);
}

/* Writing into a terminal as if it were typed. */
static void add_terminals(struct program *program) {
    when(program, SYS_ioctl, 5);
    load(program, argument(1));
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TIOCSTI, 1, 0));
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TIOCLINUX, 0, 1));
    answer(program, refuse(EPERM));
    answer(program, SECCOMP_RET_ALLOW);
}

static void build(struct program *program) {
    load(program, offsetof(struct seccomp_data, arch));
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCHITECTURE, 1, 0));
    answer(program, SECCOMP_RET_KILL_PROCESS);
    load(program, offsetof(struct seccomp_data, nr));
#if defined(__x86_64__)
    /* The other calling convention of this processor has its own numbers. */
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1));
    answer(program, refuse(ENOSYS));
#endif
    for (size_t index = 0; index < sizeof denied / sizeof *denied; index++) {
        when(program, (uint32_t)denied[index], 1);
        answer(program, refuse(EPERM));
    }
    add_name_spaces(program);
    add_sockets(program);
    add_terminals(program);
    answer(program, SECCOMP_RET_ALLOW);
}

/* Sockets with names that are no files belong to the network, and that may be the host's. Landlock keeps the sandbox off
 * them, and off signals to processes outside, where the kernel is new enough (6.12). */
static bool close_abstract_sockets(void) {
    const struct {
        uint64_t handled_files, handled_network, scoped;
    } attributes = {.scoped = 1 << 0 | 1 << 1};
    long version = syscall(CALL_LANDLOCK_CREATE_RULESET, NULL, 0, 1U);
    if (version < 6) return true;
    int rules = (int)syscall(CALL_LANDLOCK_CREATE_RULESET, &attributes, sizeof attributes, 0U);
    if (rules < 0) return false;
    bool is_closed = syscall(CALL_LANDLOCK_RESTRICT_SELF, rules, 0U) == 0;
    close(rules);
    return is_closed;
}

bool close_system_calls(void) {
    struct program program = {.count = 0};
    build(&program);
    struct sock_fprog loaded = {.len = (unsigned short)program.count, .filter = program.items};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && close_abstract_sockets()
        && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &loaded) == 0;
}
