import os

try:
    os.mkdir("jail")
except OSError:
    pass
refused_or_harm("changed root", os.chroot, "jail")
os.chdir("/")
for _ in range(50):
    os.chdir("..")
refused_or_harm("climbed", lambda: print(open(HOME.lstrip("/") + "/.ssh/id_ed25519").read()))
