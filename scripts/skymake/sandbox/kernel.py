"""Linux calls that Python does not offer, through the C library. Every failure is an OSError that names the call."""

import ctypes
import os
import struct

from skymake.sandbox import syscalls

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS = 0x20000, 0x2000000, 0x4000000
CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x8000000, 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND = 1, 2, 4, 8, 32, 4096
MS_REC, MS_PRIVATE = 16384, 1 << 18
MNT_DETACH = 2

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)
_libc_under_lock = ctypes.PyDLL(None, use_errno=True)  # keeps the interpreter's lock during a call


def _checked(result: int, call: str) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{call}: {os.strerror(error)}")
    return result


def syscall(name: str, *arguments: int | bytes | ctypes.Array) -> int:
    """Make a system call by the name it has in `syscalls`; integers are passed as longs, buffers by address."""
    _, number = syscalls.numbers(syscalls.MACHINE)
    converted = [ctypes.c_long(item) if isinstance(item, int) else item for item in arguments]
    return _checked(_libc.syscall(ctypes.c_long(number[name]), *converted), name)


def fork() -> int:
    """Fork a process of one thread without Python's hooks: they cost as much as the fork, and reseed `random`."""
    return _checked(_libc_under_lock.fork(), "fork")


def unshare(flags: int) -> None:
    _checked(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    encoded = [os.fsencode(item) if item is not None else None for item in (source, target, kind)]
    options = data.encode() if data else None
    _checked(_libc.mount(*encoded, ctypes.c_ulong(flags), options), f"mount {source} on {target}")


def detach(target: str) -> None:
    """Unmount, lazily: what is still open stays usable."""
    _checked(_libc.umount2(os.fsencode(target), MNT_DETACH), f"unmount {target}")


def pivot_root(new: str, old: str) -> None:
    syscall("pivot_root", os.fsencode(new), os.fsencode(old))


def _prctl(option: int, *arguments: int) -> None:
    padded = [ctypes.c_ulong(item) for item in (*arguments, 0, 0, 0, 0)[:4]]
    _checked(_libc.prctl(option, *padded), f"prctl {option}")


def die_with_parent(signal: int) -> None:
    """Have the kernel send this process `signal` when its parent ends."""
    _prctl(_PR_SET_PDEATHSIG, signal)


def set_dumpable(dumpable: bool) -> None:
    """Whether processes of the same user may look into this one (and own its files in /proc)."""
    _prctl(_PR_SET_DUMPABLE, int(dumpable))


def set_no_new_privileges() -> None:
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Give up every capability, for good. The ambient ones go with the permitted ones."""
    syscall("capset", struct.pack("Ii", _CAPABILITY_VERSION_3, 0), bytes(24))
