import os

for process in ("self", "1", str(GRADER), str(os.getppid())):
    for way in ("root", "cwd"):
        path = f"/proc/{process}/{way}{HOME}/.ssh/id_ed25519"
        refused_or_harm("read " + path, lambda path=path: print(open(path).read()))
