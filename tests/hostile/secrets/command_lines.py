import os

for entry in os.listdir("/proc"):
    if entry.isdigit():
        line = open(f"/proc/{entry}/cmdline", "rb").read()
        if b"zygote" not in line:
            harm("saw " + repr(line))
