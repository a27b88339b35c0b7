import os

total = 0
keep = []
try:
    for _ in range(10_000):
        reader, writer = os.pipe()
        keep += [reader, writer]
        os.set_blocking(writer, False)
        total += os.write(writer, bytes(1 << 20))
except OSError:
    pass
try:
    os.ftruncate(1, 1 << 40)
    harm("a sparse terabyte")
except OSError:
    pass
if total > 64 << 20:
    harm(f"{total} bytes in pipes")
