"""Namespaces: a process leaves the machine's files, network, processes and users for empty ones of its own.

Needs no privilege where the kernel gives users namespaces, and no call younger than Linux 4.8.
"""

import contextlib
import os
import signal

from skymake.sandbox import kernel
from skymake.sandbox.kernel import MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_PRIVATE, MS_RDONLY, MS_REC, MS_REMOUNT

NOBODY = 65534
INSIDE = 1000  # the only user and group inside
SCRATCH = "/scratch"
SCRATCH_OPTIONS = "size=16m,nr_inodes=1k,mode=700"
_STAGE = "/tmp"  # where the new root is put together; any folder that every machine has
_DEVICES = ("null", "zero", "random", "urandom")
_OPTIONS = {"ro": MS_RDONLY, "nosuid": MS_NOSUID, "nodev": MS_NODEV, "noexec": MS_NOEXEC}
_ALL = (
    *(kernel.CLONE_NEWUSER, kernel.CLONE_NEWNS, kernel.CLONE_NEWPID, kernel.CLONE_NEWNET),
    *(kernel.CLONE_NEWIPC, kernel.CLONE_NEWUTS, kernel.CLONE_NEWCGROUP),
)


def enter(readable: list[str]) -> None:
    """Continue as process 1 of new namespaces, whose root holds only `readable` (read-only), /dev, /proc and scratch.

    The caller must have one thread. The process that called only waits for the one that returns, and each ends with
    the other. Inside, the process has all capabilities over its namespaces, and none over the machine.
    """
    own = os.open("/proc/self", os.O_RDONLY | os.O_DIRECTORY)
    user, group = os.geteuid(), os.getegid()
    if can_become_nobody():  # root sees folders that nobody may not: its view is built before the id is given up
        kernel.unshare(kernel.CLONE_NEWNS)
        _build_root(readable)
        become_nobody()
        user = group = NOBODY
        kernel.unshare(sum(_ALL))
        _map_ids(own, user, group)
    else:
        kernel.unshare(sum(_ALL))
        _map_ids(own, user, group)
        _build_root(readable)
    os.close(own)
    _continue_in_child()
    _hide_processes()
    kernel.mount("tmpfs", SCRATCH, "tmpfs", MS_NOSUID | MS_NODEV, SCRATCH_OPTIONS)


def renew_scratch() -> None:
    """Replace the scratch folder by an empty one, whatever was done to it."""
    if os.listdir(SCRATCH):
        kernel.detach(SCRATCH)
        kernel.mount("tmpfs", SCRATCH, "tmpfs", MS_NOSUID | MS_NODEV, SCRATCH_OPTIONS)


def can_become_nobody() -> bool:
    """Whether this is a root with another id to change to, which the root of a user's own namespace is not."""
    if os.geteuid() != 0 or _of_this_process("setgroups").strip() == "deny":
        return False
    lines = [line for name in ("uid_map", "gid_map") for line in _of_this_process(name).splitlines()]
    ranges = [tuple(map(int, line.split())) for line in lines]  # first id inside, first id outside, how many
    return sum(first <= NOBODY < first + count for first, _, count in ranges) == 2


def _of_this_process(name: str) -> str:
    with open(f"/proc/self/{name}") as file:
        return file.read()


def become_nobody() -> None:
    """Give up root's id and groups."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    kernel.set_dumpable(True)  # a change of id takes the process's own files in /proc away from it


def _map_ids(own: int, user: int, group: int) -> None:
    for name, text in (("setgroups", "deny"), ("uid_map", f"{INSIDE} {user} 1"), ("gid_map", f"{INSIDE} {group} 1")):
        file = os.open(name, os.O_WRONLY, dir_fd=own)
        try:
            os.write(file, text.encode())
        finally:
            os.close(file)


def _build_root(readable: list[str]) -> None:
    kernel.mount("none", "/", None, MS_REC | MS_PRIVATE)
    sources = {path: os.path.realpath(path) for path in readable}
    kernel.mount("tmpfs", _STAGE, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755")
    os.mkdir(f"{_STAGE}/old")
    kernel.pivot_root(_STAGE, f"{_STAGE}/old")
    os.chdir("/")
    for folder in ("/dev", "/proc", SCRATCH):
        os.mkdir(folder)
    for path, source in sources.items():
        os.makedirs(path, exist_ok=True)
        kernel.mount(f"/old{source}", path, None, MS_BIND | MS_REC)
    _make_read_only(list(sources))
    for name in _DEVICES:
        os.close(os.open(f"/dev/{name}", os.O_CREAT))
        kernel.mount(f"/old/dev/{name}", f"/dev/{name}", None, MS_BIND)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"/dev/{name}")
    if not os.path.exists("/tmp"):
        os.symlink(SCRATCH, "/tmp")
    kernel.mount("/old/proc", "/proc", None, MS_BIND | MS_REC)
    kernel.detach("/old")
    os.rmdir("/old")
    kernel.mount("none", "/", None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)


def _make_read_only(folders: list[str]) -> None:
    """Remount all mounts below `folders` read-only, one by one: no call before Linux 5.12 does it at once."""
    with open("/old/proc/self/mountinfo", "rb") as lines:
        mounts = [line.split()[4:6] for line in lines]
    for point, options in mounts:
        # Blanks are written in octal, which makes every byte a character; the others are the bytes of the path.
        path = os.fsdecode(point.decode("unicode_escape").encode("latin-1"))
        if any(path == folder or path.startswith(f"{folder}/") for folder in folders):
            kept = sum(flag for name, flag in _OPTIONS.items() if name in os.fsdecode(options).split(","))
            kernel.mount("none", path, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | kept)


def _continue_in_child() -> None:
    """Fork; the child returns. The parent ends when the child does, and the child when the parent does."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    kernel.die_with_parent(signal.SIGKILL)


def _hide_processes() -> None:
    """Cover the machine's /proc by our own; a container that masks its /proc refuses that, and gets an empty folder."""
    flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY
    with contextlib.suppress(PermissionError):
        return kernel.mount("proc", "/proc", "proc", flags)
    kernel.mount("tmpfs", "/proc", "tmpfs", flags)
