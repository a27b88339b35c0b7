import os

for path in (MARKS, HOME, os.__file__):
    refused_or_harm("mode of " + path, os.chmod, path, 0o777)
    refused_or_harm("owner of " + path, os.chown, path, os.getuid(), os.getgid())
    refused_or_harm("times of " + path, os.utime, path, (0, 0))
    refused_or_harm("attribute of " + path, os.setxattr, path, "user.x", b"x")
