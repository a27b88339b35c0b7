import fcntl
import os

F_ADD_SEALS = 1033
for descriptor in range(3, 70):
    try:
        os.fstat(descriptor)
    except OSError:
        continue
    refused_or_harm("sealed", fcntl.fcntl, descriptor, F_ADD_SEALS, 0b1111)
    for act in (
        lambda d: fcntl.flock(d, fcntl.LOCK_EX),
        lambda d: os.set_blocking(d, False),
        lambda d: os.ftruncate(d, 0),
    ):
        try:
            act(descriptor)
        except OSError:
            pass
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_APPEND | os.O_NONBLOCK)
    except OSError:
        pass
