import os

print(*(value for value in os.environ.values() if SECRET in value))
for process in ("self", "1", str(os.getppid()), str(GRADER)):
    try:
        if SECRET.encode() in open(f"/proc/{process}/environ", "rb").read():
            harm("found in " + process)
    except OSError:
        pass
