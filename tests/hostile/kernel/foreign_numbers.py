import platform

if platform.machine() != "x86_64":
    raise SystemExit(1)
libc.syscall(0x40000000 + 39)
harm("lived")
