import os

written = 0
try:
    for number in range(100_000):
        with open(f"file{number}", "wb") as file:
            written += file.write(bytes(1 << 20))
except OSError:
    pass
if written > 64 << 20:
    harm(f"wrote {written} bytes")
try:
    for number in range(100_000):
        os.mkdir(f"folder{number}", 0)
except OSError:
    pass
else:
    harm("made 100,000 folders")
