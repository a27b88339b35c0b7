"""Filters of system calls: a computation may ask the kernel for what a computation needs, and for nothing else.

A zygote is under a filter too, which lets it fork. Its candidates inherit that and add a short one that takes the rest
away: the kernel translates a filter anew each time it is installed, and tests it on every call there is; with a long
one that takes nearly as long as the fork.
"""

import ctypes
import errno
import fcntl
import os
import struct
import termios

from skymake.sandbox import kernel, syscalls

_LOAD, _AND, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06  # BPF operations
_KILL, _ERROR, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_SET_MODE_FILTER = 1
_X32 = 0x40000000

_CLONE_THREAD = 0x10000
_PR_SET_NAME, _PR_GET_NAME = 15, 16
_UNIX_STREAM = [1, 1 | os.O_NONBLOCK, 1 | os.O_CLOEXEC, 1 | os.O_NONBLOCK | os.O_CLOEXEC]  # SOCK_STREAM and its flags
# No F_SETOWN and F_SETSIG: with them the kernel would send any signal to any process of the same user.
_FCNTL = [
    *(fcntl.F_DUPFD, fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL, fcntl.F_SETFL, fcntl.F_DUPFD_CLOEXEC),
    *(fcntl.F_GETLK, fcntl.F_SETLK, fcntl.F_SETLKW),
]

Instruction = tuple[int, int, int, int]  # operation, jump if true, jump if false, operand


def _error(number: int) -> Instruction:
    return (_RETURN, 0, 0, _ERROR | number)


def _when(call: int, block: list[Instruction]) -> list[Instruction]:
    """Run `block`, which must return, for one call; the number of the call is loaded before and after."""
    return [(_EQUAL, 0, len(block), call), *block]


def _only(argument: int, values: list[int], otherwise: int = errno.EPERM) -> list[Instruction]:
    """Allow when the low half of an argument, which is all the kernel reads of these, is one of `values`."""
    tests = [(_EQUAL, len(values) - place, 0, value) for place, value in enumerate(values)]
    return [(_LOAD, 0, 0, _ARGUMENTS + 8 * argument), *tests, _error(otherwise), (_RETURN, 0, 0, _ALLOW)]


def _threads_only() -> list[Instruction]:
    return [
        (_LOAD, 0, 0, _ARGUMENTS),
        (_ANY_BIT, 0, 1, _CLONE_THREAD),
        (_RETURN, 0, 0, _ALLOW),
        _error(errno.EPERM),
    ]


def _no_truncating_reader(argument: int) -> list[Instruction]:
    """Refuse O_RDONLY | O_TRUNC, which Landlock before its third version lets truncate what may only be read."""
    return [
        (_LOAD, 0, 0, _ARGUMENTS + 8 * argument),
        (_AND, 0, 0, os.O_TRUNC | os.O_ACCMODE),
        (_EQUAL, 1, 0, os.O_TRUNC | os.O_RDONLY),
        (_RETURN, 0, 0, _ALLOW),
        _error(errno.EPERM),
    ]


def program(machine: str, of_zygote: bool = False) -> list[Instruction]:
    """The filter for a computation on a machine (of `syscalls`), or for a zygote: what is not allowed fails."""
    free, number = syscalls.numbers(machine)
    checks = _checks()
    if of_zygote:
        free = free | {name: number[name] for name in syscalls.OF_ZYGOTE}
        checks = {name: block for name, block in checks.items() if name not in syscalls.OF_ZYGOTE}
    instructions: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, syscalls.AUDIT_ARCHITECTURES[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        instructions += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]
    for name, block in checks.items():  # first: the kernel remembers what it may always allow, but asks for these again
        if name in number:
            instructions += _when(number[name], block)
    for call in free.values():
        instructions += _when(call, [(_RETURN, 0, 0, _ALLOW)])
    return [*instructions, _error(errno.EPERM)]


def withdrawal(machine: str) -> list[Instruction]:
    """The filter that leaves a process under a zygote's filter with that of a computation."""
    _, number = syscalls.numbers(machine)
    checks = _checks()
    instructions: list[Instruction] = [(_LOAD, 0, 0, _NUMBER)]
    for name in syscalls.OF_ZYGOTE:
        instructions += _when(number[name], checks.get(name, [_error(errno.EPERM)]))
    return [*instructions, (_RETURN, 0, 0, _ALLOW)]


def _terminal_questions() -> list[int]:
    return [termios.TCGETS, termios.FIONREAD, termios.FIONBIO, termios.FIOCLEX, termios.FIONCLEX]


def _checks() -> dict[str, list[Instruction]]:
    """What decides on the calls that are allowed for some arguments only."""
    return {
        "open": _no_truncating_reader(1),
        "openat": _no_truncating_reader(2),
        "clone": _threads_only(),
        "clone3": [_error(errno.ENOSYS)],  # its flags are in memory, out of reach; the C library then takes clone
        "prctl": _only(0, [_PR_SET_NAME, _PR_GET_NAME]),
        "prlimit64": _only(0, [0]),  # itself
        "ioctl": _only(1, _terminal_questions(), errno.ENOTTY),
        "fcntl": _only(1, _FCNTL),
        "socketpair": _only(1, _UNIX_STREAM),  # asyncio wakes itself through one; a stream has no other address
    }


class Filter:
    """A filter in the kernel's form; built once, installed in any number of forked processes of this machine."""

    def __init__(self, instructions: list[Instruction]) -> None:
        code = [struct.pack("HBBI", *instruction) for instruction in instructions]
        self._code = ctypes.create_string_buffer(b"".join(code))
        self._program = struct.pack("HxxxxxxQ", len(code), ctypes.addressof(self._code))

    def install(self) -> None:
        """Put the calling thread, and all that it will start, under the filter for good. It must have given up new
        privileges, see `kernel.set_no_new_privileges`.
        """
        kernel.syscall("seccomp", _SET_MODE_FILTER, 0, self._program)
