import platform

CALLS = {
    "x86_64": {
        "bpf": 321,
        "perf": 298,
        "keyctl": 250,
        "add_key": 248,
        "io_uring": 425,
        "userfaultfd": 323,
        "kcmp": 312,
        "personality": 135,
        "reboot": 169,
        "module": 313,
        "kexec": 246,
        "quota": 179,
        "swapon": 167,
        "iopl": 172,
        "shmget": 29,
        "msgget": 68,
        "semget": 64,
        "mq_open": 240,
        "fanotify": 300,
        "inotify": 294,
        "acct": 163,
        "sethostname": 170,
        "settimeofday": 164,
        "syslog": 103,
        "ptrace": 101,
        "modify_ldt": 154,
        "vmsplice": 278,
        "fsopen": 430,
        "open_tree": 428,
        "pidfd_open": 434,
        "pidfd_getfd": 438,
        "memfd_secret": 447,
        "setuid": 105,
    },
    "aarch64": {
        "bpf": 280,
        "perf": 241,
        "keyctl": 219,
        "io_uring": 425,
        "userfaultfd": 282,
        "personality": 92,
        "reboot": 142,
        "shmget": 194,
        "msgget": 186,
        "ptrace": 117,
        "pidfd_open": 434,
        "setuid": 146,
    },
}[platform.machine()]
for name, number in CALLS.items():
    ctypes.set_errno(0)
    libc.syscall(number, 0, 0, 0, 0, 0, 0)
    if ctypes.get_errno() != 1:
        harm(f"{name}: errno {ctypes.get_errno()}")
