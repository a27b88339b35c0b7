for path in (
    "/etc/passwd",
    "/etc/shadow",
    "/etc/hostname",
    "/root/.bash_history",
    "/var/log/dpkg.log",
    "/sys/class/net",
):
    refused_or_harm("read " + path, lambda path=path: open(path).read())
