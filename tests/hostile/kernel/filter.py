import struct

program = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7FFF0000))
header = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", 1, ctypes.addressof(program)))
done_or_not("prctl", libc.prctl(22, 2, header, 0, 0))
done_or_not("seccomp", libc.syscall({"x86_64": 317}.get(__import__("platform").machine(), 277), 1, 8, header))
