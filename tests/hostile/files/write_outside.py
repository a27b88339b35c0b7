for folder in (MARKS, HOME, "/", "/usr/lib", "/lib", "/var/tmp", "/dev/shm", "/dev", "/proc", "/run"):
    try:
        open(folder + "/written", "w").write("x")
    except OSError:
        continue
    harm("wrote in " + folder)
