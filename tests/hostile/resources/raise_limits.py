import resource

for name in ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_NPROC"):
    limit = getattr(resource, name)
    for value in (resource.RLIM_INFINITY, resource.getrlimit(limit)[1] + 1):
        refused_or_harm("raised " + name, resource.setrlimit, limit, (value, value))
