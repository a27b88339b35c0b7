import fcntl
import os

reader, writer = os.pipe()
F_SETSIG, F_SETOWN_EX = 10, 15
for descriptor in (reader, 0, 1):
    for process in (os.getppid(), GRADER, 1):
        refused_or_harm("owner", fcntl.fcntl, descriptor, fcntl.F_SETOWN, process)
        refused_or_harm("owner", fcntl.fcntl, descriptor, F_SETOWN_EX, b"\1\0\0\0" + process.to_bytes(4, "little"))
    refused_or_harm("signal", fcntl.fcntl, descriptor, F_SETSIG, 9)
fcntl.fcntl(reader, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
os.write(writer, b"x")
