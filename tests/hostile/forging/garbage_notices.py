import os

for notice in (b"\xff" * 4096, b"\x04" + b"\xff" * 512, b"\x05", b"\0" * 1000):
    for descriptor in range(50, 64):
        try:
            os.set_blocking(descriptor, False)
            os.write(descriptor, notice)
            os.pwrite(descriptor, notice, 0)
        except OSError:
            pass
