import ctypes
import os

for process in (os.getppid(), GRADER, 1):
    done_or_not("attached", libc.ptrace(16, process, 0, 0))
    done_or_not("seized", libc.ptrace(0x4206, process, 0, 0))
    buffer = ctypes.create_string_buffer(64)
    vector = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 64)
    done_or_not("read memory", libc.process_vm_readv(process, vector, 1, vector, 1, 0))
    done_or_not("wrote memory", libc.process_vm_writev(process, vector, 1, vector, 1, 0))
    for name in ("mem", "maps", "environ"):
        refused_or_harm("opened " + name, open, f"/proc/{process}/{name}", "rb")
