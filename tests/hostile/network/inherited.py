import os

for descriptor in range(3, 1024):
    try:
        os.write(descriptor, b"forged")
    except OSError:
        pass
for descriptor in range(1024):
    libc.send(descriptor, b"forged", 6, 0)
