"""`skymake <command>`: what can be done outside a workflow. Each command lives in the module that it belongs to."""

import argparse
import importlib
import os
import signal
import sys

from skymake import UserError

# command -> module with `describe(parser)`, which adds the arguments, and `run(arguments) -> exit status`; and its help
COMMANDS = {
    "doctor": ("skymake.doctor", "whether a project can be built here, or on a cluster"),
    "grade": ("skymake.grading.files", "grade traces against their problems"),
    "grade-diff": ("skymake.grading.differences", "which verdicts differ between two files of verdicts"),
    "why": ("skymake.lineage", "where a training row comes from, step by step back to the published row"),
    "impact": ("skymake.impact", "what changes when a source or a problem goes away"),
    "diff": ("skymake.differences", "what differs between two builds: config, rows, verdicts, scores, cost"),
    "verify": ("skymake.manifest", "whether the files of a build are what its manifest says"),
    "watch": ("skymake.watch", "how far a run is: stages, requests, steps, money, time left"),
    "store": ("skymake.upkeep", "what the completion store holds, and its upkeep"),
}


def main(argv: list[str] | None = None) -> int:
    """Run one command. A user's mistake ends with its message and status 2; neither it nor Ctrl-C, nor a reader who
    has seen enough (`| head`), shows a traceback."""
    sys.stdout.reconfigure(errors="backslashreplace")  # questions and answers hold letters that a terminal may lack
    argv = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="skymake", description=__doc__.splitlines()[0])
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, (module, summary) in COMMANDS.items():
        command = subparsers.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if argv[:1] == [name]:
            importlib.import_module(module).describe(command)
    arguments = parser.parse_args(argv)
    try:
        status = importlib.import_module(COMMANDS[arguments.command][0]).run(arguments)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python flushes into the pipe once more
        return 128 + signal.SIGPIPE
    except UserError as error:
        print(f"skymake: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
