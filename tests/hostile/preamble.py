# What every program of this folder starts with: where its victims are, and how it says that it has done harm.
import ctypes
import os

MARKS, HOME, SOCKET, ABSTRACT = "@MARKS@", "@HOME@", "@SOCKET@", "@ABSTRACT@"
PORT, GRADER, SECRET = int("@PORT@"), int("@GRADER@"), "@SECRET@"
libc = ctypes.CDLL(None, use_errno=True)


class Harm(BaseException):
    pass


def harm(what):
    print("HARM", what, flush=True)
    try:
        with open(os.path.join(MARKS, "harm"), "a") as marks:
            marks.write(what + "\n")
    except OSError:
        pass
    raise Harm("HARM " + what)


def refused_or_harm(what, action, *arguments):
    try:
        action(*arguments)
    except (OSError, ValueError):
        return
    harm(what)


def done_or_not(what, code):
    if code >= 0:
        harm(what)
