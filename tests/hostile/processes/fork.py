import os
import platform

for call in {"x86_64": (56, 57, 58, 435), "aarch64": (220, 435)}[platform.machine()]:
    child = libc.syscall(call, 17, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    done_or_not(f"forked by call {call}", child)
for name in ("fork", "vfork"):
    done_or_not(name, getattr(libc, name)())
