import platform

SOCKET_CALL = {"x86_64": 41, "aarch64": 198}[platform.machine()]
done_or_not("made a socket", libc.syscall(SOCKET_CALL, 2, 1, 0))
