import os
import resource

for process in (os.getppid(), GRADER, 1):
    refused_or_harm("limit", resource.prlimit, process, resource.RLIMIT_CPU, (1, 1))
    refused_or_harm("priority", os.setpriority, os.PRIO_PROCESS, process, 19)
    refused_or_harm("affinity", os.sched_setaffinity, process, {0})
refused_or_harm("group", os.setpgid, 0, 0)
refused_or_harm("session", os.setsid)
