"""Landlock, since Linux 5.13: a process shuts itself out of the file system, but for some folders that it may read."""

import ctypes
import os
import struct

from skymake.sandbox import kernel

_VERSION = 1  # flag of landlock_create_ruleset: return the version
_PATH_BENEATH = 1
_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
# By version: how many of the rights on files, on TCP ports and of the scopes (sockets, signals) exist.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_NETWORK_SINCE, _NETWORK_RIGHTS = 4, 0b11
_SCOPES_SINCE, _SCOPES = 6, 0b11


def restrict(readable: list[str], writable: list[str]) -> None:
    """Leave this process, and all that it starts, only reading below `readable`, and reading and writing `writable`.

    OSError where the kernel has no Landlock, or has it switched off. What no right exists for (modes, times, owners,
    processes of the same user) is the system-call filter's business.
    """
    version = kernel.syscall("landlock_create_ruleset", 0, 0, _VERSION)
    files = (1 << _FILE_RIGHTS[min(version, max(_FILE_RIGHTS))]) - 1
    rights = struct.pack("QQQ", files, _NETWORK_RIGHTS, _SCOPES)
    size = 24 if version >= _SCOPES_SINCE else 16 if version >= _NETWORK_SINCE else 8
    ruleset = kernel.syscall("landlock_create_ruleset", ctypes.create_string_buffer(rights, 24), size, 0)
    try:
        for path in readable:
            _allow(ruleset, path, _READ_FILE | (_READ_DIR if os.path.isdir(path) else 0))
        for path in writable:
            _allow(ruleset, path, _READ_FILE | _WRITE_FILE)
        kernel.set_no_new_privileges()
        kernel.syscall("landlock_restrict_self", ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = ctypes.create_string_buffer(struct.pack("<Qi", rights, folder), 12)
        kernel.syscall("landlock_add_rule", ruleset, _PATH_BENEATH, rule, 0)
    finally:
        os.close(folder)
