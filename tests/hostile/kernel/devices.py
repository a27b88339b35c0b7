import fcntl
import os

for name in ("mem", "kmsg", "tty", "fuse", "kvm", "ptmx", "shm/x", "console", "sda", "vda"):
    for mode in (os.O_RDONLY, os.O_RDWR):
        refused_or_harm("opened " + name, os.open, "/dev/" + name, mode)
TIOCSTI = 0x5412
for descriptor in (0, 1, 2):
    refused_or_harm("typed", fcntl.ioctl, descriptor, TIOCSTI, b"x")
refused_or_harm("made a device", os.mknod, "device", 0o20666, os.makedev(1, 1))
