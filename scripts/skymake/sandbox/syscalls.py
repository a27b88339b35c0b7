"""Numbers of the system calls that the sandbox allows or makes itself, for the two machines it knows."""

import functools
import os

AUDIT_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
MACHINE = os.uname().machine

# What a computation needs: memory, threads, clocks, its own signals and limits, and files (the walls around it decide
# which). Nothing that starts a program, reaches a network or another process, or changes owners, modes or times.
_COMPUTATION = """
read=0/63 write=1/64 pread64=17/67 pwrite64=18/68 readv=19/65 writev=20/66 preadv=295/69 pwritev=296/70
close=3/57 close_range=436/436 lseek=8/62 stat=4/- fstat=5/80 lstat=6/- newfstatat=262/79 statx=332/291
access=21/- faccessat=269/48 faccessat2=439/439 getdents64=217/61 readlink=89/- readlinkat=267/78 getcwd=79/17
chdir=80/49 fchdir=81/50 dup=32/23 dup2=33/- dup3=292/24 flock=73/32 fsync=74/82 fdatasync=75/83 ftruncate=77/46
fallocate=285/47 fadvise64=221/223 mkdir=83/- mkdirat=258/34 rmdir=84/- unlink=87/- unlinkat=263/35 rename=82/-
renameat=264/38 renameat2=316/276 umask=95/166 statfs=137/43 fstatfs=138/44 sendfile=40/71 copy_file_range=326/285
pipe=22/- pipe2=293/59
mmap=9/222 munmap=11/215 mprotect=10/226 mremap=25/216 brk=12/214 madvise=28/233 mincore=27/232 msync=26/227
membarrier=324/283
futex=202/98 set_robust_list=273/99 get_robust_list=274/100 rseq=334/293 set_tid_address=218/96 sched_yield=24/124
sched_getaffinity=204/123 sched_getparam=143/121 sched_getscheduler=145/120 sched_get_priority_max=146/125
sched_get_priority_min=147/126 getcpu=309/168 restart_syscall=219/128
nanosleep=35/101 clock_nanosleep=230/115 clock_gettime=228/113 clock_getres=229/114 gettimeofday=96/169 time=201/-
times=100/153 getrusage=98/165 sysinfo=99/179 uname=63/160 getrlimit=97/163 setrlimit=160/164 getrandom=318/278
getpid=39/172 getppid=110/173 gettid=186/178 getuid=102/174 geteuid=107/175 getgid=104/176 getegid=108/177
getresuid=118/148 getresgid=120/150 getgroups=115/158 getpgrp=111/- getpgid=121/155 getsid=124/156 getpriority=140/141
rt_sigaction=13/134 rt_sigprocmask=14/135 rt_sigreturn=15/139 rt_sigpending=127/136 rt_sigtimedwait=128/137
rt_sigsuspend=130/133 sigaltstack=131/132 pause=34/- alarm=37/- setitimer=38/103 getitimer=36/102
select=23/- pselect6=270/72 poll=7/- ppoll=271/73 epoll_create=213/- epoll_create1=291/20 epoll_ctl=233/21
epoll_wait=232/- epoll_pwait=281/22 eventfd2=290/19 sendto=44/206 recvfrom=45/207 shutdown=48/210
exit=60/93 exit_group=231/94
"""

# Allowed for some arguments only.
_CHECKED = """
open=2/- openat=257/56 clone=56/220 clone3=435/435 prctl=157/167 prlimit64=302/261 ioctl=16/29 fcntl=72/25
socketpair=53/199
"""

# Made by the sandbox itself only.
_OWN = """
seccomp=317/277 pivot_root=155/41 capset=126/91
landlock_create_ruleset=444/444 landlock_add_rule=445/445 landlock_restrict_self=446/446
kill=62/129 wait4=61/260 memfd_create=319/279 mount=165/40 umount2=166/39
"""

# What a zygote needs beyond a computation: to fork, watch and seal a candidate, and to renew its scratch.
OF_ZYGOTE = ("clone", "prctl", "seccomp", "capset", "kill", "wait4", "memfd_create", "mount", "umount2")


def _table(text: str, column: int) -> dict[str, int]:
    pairs = (entry.split("=") for entry in text.split())
    numbers = ((name, value.split("/")[column]) for name, value in pairs)
    return {name: int(number) for name, number in numbers if number != "-"}


@functools.cache
def numbers(machine: str) -> tuple[dict[str, int], dict[str, int]]:
    """(freely allowed calls, checked calls and our own) of a machine, name to number. ValueError for an unknown one."""
    column = list(AUDIT_ARCHITECTURES).index(machine)
    return _table(_COMPUTATION, column), _table(_CHECKED, column) | _table(_OWN, column)
