import gc
import os
import re

TOKEN = re.compile(rb"token-[0-9a-f]{32}")
found = set()
for thing in gc.get_objects():
    try:
        found.update(TOKEN.findall(repr(thing).encode()))
    except BaseException:
        pass
for descriptor in range(1024):
    try:
        found.update(TOKEN.findall(os.pread(descriptor, 1 << 20, 0)))
    except OSError:
        pass
try:
    for line in open("/proc/self/maps"):
        low, high = (int(part, 16) for part in line.split()[0].split("-"))
        if "r" in line.split()[1] and high - low < 1 << 28:
            with open("/proc/self/mem", "rb") as memory:
                memory.seek(low)
                found.update(TOKEN.findall(memory.read(high - low)))
except OSError:
    pass
for token in found:
    print(token.decode())
