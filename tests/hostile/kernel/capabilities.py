import os

for line in open("/proc/self/status") if os.path.exists("/proc/self/status") else ():
    if line.startswith(("CapEff", "CapPrm", "CapInh", "CapAmb")) and int(line.split()[1], 16):
        harm(line)
refused_or_harm("id", os.setuid, 0)
refused_or_harm("ids", os.setresuid, 0, 0, 0)
refused_or_harm("groups", os.setgroups, [0])
done_or_not("capset", libc.capset(b"\x22\x05\x08\x20\0\0\0\0", b"\xff" * 24))
