import os
import struct

for notice in (b"\xff" * 4096, struct.pack("<BI", 0, 1 << 31), struct.pack("<BI", 0, 64) + b"\xff" * 512, b"\0"):
    for descriptor in range(50, 64):
        try:
            os.set_blocking(descriptor, False)
            os.write(descriptor, notice)
        except OSError:
            pass
