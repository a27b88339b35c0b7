import os
import subprocess

refused_or_harm("subprocess", subprocess.run, ["/bin/sh", "-c", "echo harm"])
refused_or_harm("spawn", os.posix_spawn, "/bin/true", ["true"], {})
if libc.system(b"exit 7") >> 8 == 7:
    harm("system")
refused_or_harm("exec", os.execv, "/proc/self/exe", ["python", "-c", "print('HARM')"])
