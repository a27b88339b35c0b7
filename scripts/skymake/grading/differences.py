"""What changed between two files of verdicts on the same traces."""

import argparse
from collections import defaultdict
from collections.abc import Iterable

from skymake import records
from skymake.records import Verdict


def flips(old: Iterable[Verdict], new: Iterable[Verdict]) -> dict[tuple[str, str], list[tuple[Verdict, Verdict]]]:
    """Verdicts whose status differs, by (old status, new status); a trace that only one side has counts as `absent`."""
    before = {verdict.key: verdict for verdict in old}
    found = defaultdict(list)
    for verdict in new:
        earlier = before.pop(verdict.key, None)
        if earlier is None or earlier.status != verdict.status:
            found["absent" if earlier is None else earlier.status, verdict.status].append((earlier, verdict))
    for verdict in before.values():
        found[verdict.status, "absent"].append((verdict, None))
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def describe(parser: argparse.ArgumentParser) -> None:
    """The arguments of `skymake grade-diff`."""
    parser.add_argument("old", help="verdicts")
    parser.add_argument("new", help="other verdicts on the same traces")
    parser.add_argument("--examples", type=int, default=3, help="examples of each change (default: %(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """`skymake grade-diff`: exit status 1 when a verdict differs, as diff has it."""
    found = flips(records.read(arguments.old, Verdict), records.read(arguments.new, Verdict))
    if not found:
        print("no verdict differs")
        return 0
    for (before, after), verdicts in found.items():
        print(f"{len(verdicts):8,}  {before} -> {after}")
        for old, new in verdicts[: arguments.examples]:
            shown = new or old
            print(f"          {shown.problem} sample {shown.sample}: {shown.answer!r} {shown.detail}".rstrip())
    return 1
