"""Run a command, note its process in a file, and reap whoever it and its children leave behind.

    python tests/slurm/reaper.py PIDFILE COMMAND...

Process 1 of a container often reaps nobody. What a cancelled job leaves would then stay a zombie, and the process
group that Slurm waits for (proctrack/pgid) would never be empty.
"""

import contextlib
import ctypes
import os
import sys

PR_SET_CHILD_SUBREAPER = 36  # sys/prctl.h

pid_file, *command = sys.argv[1:]
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
pid = os.posix_spawnp(command[0], command, os.environ)
noted = f"{pid_file}.new"
with open(noted, "w") as out:
    out.write(str(pid))
os.replace(noted, pid_file)
with contextlib.suppress(ChildProcessError):  # when nobody is left
    while True:
        os.wait()
