"""The filter of system calls, run here as the kernel would, for both machines: what it lets through and what not."""

import errno
import fcntl
import os
import re
import struct
from pathlib import Path

import pytest

from skymake.sandbox import seccomp, syscalls

ALLOW, KILL = 0x7FFF0000, 0x80000000
MACHINES = sorted(syscalls.AUDIT_ARCHITECTURES)
HEADERS = {
    "x86_64": (Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), r"#define __NR_(\w+)\s+(\d+)"),
    "aarch64": (Path("/usr/include/asm-generic/unistd.h"), r"#define __NR(?:3264)?_(\w+)\s+(\d+)"),
}


def verdict(machine: str, number: int, *arguments: int, architecture: int | None = None) -> int:
    """What the filter of a computation returns for a call."""
    return returned(seccomp.program(machine), machine, number, *arguments, architecture=architecture)


def returned(
    instructions: list[seccomp.Instruction],
    machine: str,
    number: int,
    *arguments: int,
    architecture: int | None = None,
) -> int:
    """What a filter returns for a call: an interpreter of the seven operations that filters use."""
    architecture = syscalls.AUDIT_ARCHITECTURES[machine] if architecture is None else architecture
    padded = [argument & (1 << 64) - 1 for argument in (*arguments, *[0] * 6)[:6]]
    data = struct.pack("<IIQ6Q", number, architecture, 0, *padded)
    place, value = 0, 0
    while True:
        operation, if_true, if_false, operand = instructions[place]
        place += 1
        match operation:
            case 0x20:
                (value,) = struct.unpack_from("<I", data, operand)
            case 0x54:
                value &= operand
            case 0x15:
                place += if_true if value == operand else if_false
            case 0x35:
                place += if_true if value >= operand else if_false
            case 0x45:
                place += if_true if value & operand else if_false
            case 0x06:
                return operand
            case _:
                raise AssertionError(f"operation {operation:#x}")


def number(machine: str, name: str) -> int:
    free, own = syscalls.numbers(machine)
    return (free | own)[name]


def refused(code: int = errno.EPERM) -> int:
    return 0x00050000 | code


@pytest.fixture(params=MACHINES)
def machine(request) -> str:
    return request.param


def test_free_calls_are_allowed_and_all_others_refused(machine):
    free, checked = syscalls.numbers(machine)
    for call in range(500):
        if call in free.values():
            assert verdict(machine, call) == ALLOW
        elif call not in checked.values():
            assert verdict(machine, call) == refused(), call


def test_another_machine_is_killed(machine):
    i386 = 0x40000003
    assert verdict(machine, number(machine, "read"), architecture=i386) == KILL


def test_the_other_numbers_of_x86_are_killed():
    assert verdict("x86_64", 0x40000000 | number("x86_64", "read")) == KILL


CLONE_VM, CLONE_SIGHAND, CLONE_THREAD, CLONE_NEWUSER, SIGCHLD = 0x100, 0x800, 0x10000, 0x10000000, 17
CASES = [
    ("clone", (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD,), ALLOW),
    ("clone", (SIGCHLD,), refused()),
    ("clone", (CLONE_NEWUSER | SIGCHLD,), refused()),
    ("clone", (CLONE_THREAD << 32,), refused()),
    ("clone3", (), refused(errno.ENOSYS)),
    ("openat", (-100, 0, os.O_RDONLY), ALLOW),
    ("openat", (-100, 0, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), ALLOW),
    ("openat", (-100, 0, os.O_RDWR | os.O_TRUNC), ALLOW),
    ("openat", (-100, 0, os.O_RDONLY | os.O_TRUNC), refused()),
    ("openat", (-100, 0, os.O_RDONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC), refused()),
    ("prctl", (15,), ALLOW),
    ("prctl", (1, 9), refused()),
    ("prctl", (22, 2), refused()),
    ("prlimit64", (0, 7), ALLOW),
    ("prlimit64", (1, 7), refused()),
    ("prlimit64", (1 << 32, 7), ALLOW),
    ("ioctl", (0, 0x5401), ALLOW),
    ("ioctl", (0, 0x5412), refused(errno.ENOTTY)),
    ("fcntl", (0, fcntl.F_GETFL), ALLOW),
    ("fcntl", (0, fcntl.F_SETOWN), refused()),
    ("fcntl", (0, 10), refused()),
    ("fcntl", (0, 1033), refused()),
    ("socketpair", (1, 1), ALLOW),
    ("socketpair", (1, 1 | os.O_CLOEXEC), ALLOW),
    ("socketpair", (1, 2), refused()),
    ("seccomp", (1, 0), refused()),
    ("pivot_root", (), refused()),
    ("landlock_restrict_self", (), refused()),
]


@pytest.mark.parametrize(("name", "arguments", "expected"), CASES)
def test_checked_calls(machine, name, arguments, expected):
    assert verdict(machine, number(machine, name), *arguments) == expected


@pytest.mark.parametrize(("name", "arguments", "expected"), CASES)
def test_a_candidate_of_a_zygote_has_the_filter_of_a_computation(machine, name, arguments, expected):
    assert inherited(machine, number(machine, name), *arguments) == expected


def test_a_candidate_of_a_zygote_has_no_other_call(machine):
    for call in range(500):
        assert inherited(machine, call) == verdict(machine, call), call


def inherited(machine: str, call: int, *arguments: int) -> int:
    """What both filters of a candidate return together: the kernel takes the stricter word, an error before ALLOW."""
    filters = seccomp.program(machine, of_zygote=True), seccomp.withdrawal(machine)
    words = [returned(each, machine, call, *arguments) for each in filters]
    return min(words)


def test_open_of_x86_is_checked_like_openat():
    assert verdict("x86_64", number("x86_64", "open"), 0, os.O_RDONLY | os.O_TRUNC) == refused()
    assert verdict("x86_64", number("x86_64", "open"), 0, os.O_RDONLY) == ALLOW


def test_numbers_are_those_of_the_kernel_headers(machine):
    header, pattern = HEADERS[machine]
    if not header.exists():
        pytest.skip(f"no {header}")
    known = {name: int(value) for name, value in re.findall(pattern, header.read_text())}
    known["newfstatat"] = known.get("newfstatat", known.get("fstatat"))
    free, own = syscalls.numbers(machine)
    assert {name: known[name] for name in free | own} == free | own


def test_an_unknown_machine_is_an_error():
    with pytest.raises(ValueError, match="riscv64"):
        syscalls.numbers("riscv64")
