import os
import struct

size = struct.pack("<Q", 2)
for _ in range(64):
    for descriptor in range(3, 70):
        for notice in (b"\0", size):
            try:
                os.set_blocking(descriptor, False)
                os.write(descriptor, notice)
                os.pwrite(descriptor, size * 64, 0)
            except OSError:
                pass
