import gc

WANTED = "expected" + "-output-marker"
for thing in gc.get_objects():
    try:
        if WANTED in repr(thing)[:100_000] and thing is not globals() and "WANTED" not in repr(thing):
            harm("found " + repr(thing)[:100])
    except BaseException:
        pass
for line in open("/proc/self/maps") if __import__("os").path.exists("/proc/self/maps") else ():
    low, high = (int(part, 16) for part in line.split()[0].split("-"))
    if "r" in line.split()[1] and high - low < 1 << 28:
        try:
            with open("/proc/self/mem", "rb") as memory:
                memory.seek(low)
                if b"\xff" + WANTED.encode() in memory.read(high - low):
                    harm("found in memory")
        except OSError:
            pass
