"""`skymake store`: what the completion store holds, and its upkeep."""

import argparse
import collections
import itertools
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas

from skymake import UserError, records
from skymake.store import NOTES, Completion, Store, encode, scan


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--store", default="store", help="root folder of the store (default: %(default)s)")
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    for name, summary in {
        "stats": "what is held for each model and set",
        "verify": "find damage; the exit status is 1 when there is any",
        "compact": "keep one entry per request, in one segment",
        "drop": "forget what a model answered",
    }.items():
        action = actions.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        action.add_argument("--model", required=name == "drop", help="of this model only")
        action.add_argument("--set", help="on this set only")
        if name == "compact":
            action.add_argument("--idle-hours", type=float, default=24, help="leave alone what was written to since")
        if name == "drop":
            action.add_argument("--yes", action="store_true", help="do it; without, only say what would be dropped")


def run(arguments: argparse.Namespace) -> int:
    """Do what the arguments say. Returns the exit status."""
    return {"stats": _stats, "verify": _verify, "compact": _compact, "drop": _drop}[arguments.action](arguments)


def _folders(arguments: argparse.Namespace) -> Iterator[Path]:
    """The folders of the models and sets that are meant. Raises UserError when there are none."""
    root = Store(arguments.store).root
    folders = sorted(root.glob(f"{arguments.model or '*'}/{arguments.set or '*'}/"))
    if not folders:
        raise UserError(f"{root} holds nothing of model {arguments.model or '(any)'}, set {arguments.set or '(any)'}")
    return iter(folders)


def _stats(arguments: argparse.Namespace) -> int:
    table = pandas.DataFrame([counts(folder) for folder in _folders(arguments)])
    print(table.to_string(index=False))
    return 0


def counts(folder: Path) -> dict[str, object]:
    """What a folder of segments holds. batches: under way. hours: the wall clocks of all requests added up."""
    found: collections.Counter[str] = collections.Counter()
    keys: set[str] = set()
    segments = sorted(folder.glob("*.jsonl"))
    for _, entry in itertools.chain.from_iterable(map(scan, segments)):
        if not isinstance(entry, Completion):
            found[entry if isinstance(entry, str) else "failures"] += 1
            continue
        found["repeated" if entry.key in keys else "completions"] += 1
        keys.add(entry.key)
        found["prompt_tokens"] += entry.prompt_tokens
        found["completion_tokens"] += entry.completion_tokens
        found["seconds"] += entry.seconds
    row: dict[str, object] = {"model": folder.parent.name, "set": folder.name, "segments": len(segments)}
    row["batches"] = len(list(folder.glob(NOTES)))
    columns = ("completions", "repeated", "failures", "damaged", "torn", "prompt_tokens", "completion_tokens")
    row |= {column: found[column] for column in columns}
    size = sum(segment.stat().st_size for segment in segments)
    return row | {"hours": round(found["seconds"] / 3600, 2), "megabytes": round(size / 1e6, 1)}


def _verify(arguments: argparse.Namespace) -> int:
    faults: collections.Counter[str] = collections.Counter()
    for segment in itertools.chain.from_iterable(sorted(folder.glob("*.jsonl")) for folder in _folders(arguments)):
        for offset, entry in scan(segment):
            if isinstance(entry, str):
                faults[entry] += 1
                print(f"{segment}: byte {offset}: {entry}")
    print(f"{faults['damaged']} damaged lines, {faults['torn']} torn ends; what they held is asked for again")
    return int(faults["damaged"] > 0)


def _compact(arguments: argparse.Namespace) -> int:
    for folder in _folders(arguments):
        kept, removed = compact(folder, arguments.idle_hours)
        print(f"{folder.parent.name}/{folder.name}: {kept} entries kept, {removed} lines removed")
    return 0


def compact(folder: Path, idle_hours: float) -> tuple[int, int]:
    """Put the oldest segments of a folder into one, up to the first that a job may still be writing to.

    Of each request the first completion is kept, so every answer stays what it was; a failure only where there is no
    completion. The new segment takes the place of the oldest in one step, and the others go when it is on the disk.
    Returns the number of entries kept, and of lines removed. UserError when a segment changed meanwhile.
    """
    quiet = time.time() - idle_hours * 3600
    segments = itertools.takewhile(lambda path: path.stat().st_mtime <= quiet, sorted(folder.glob("*.jsonl")))
    oldest, *others = [*segments] or [None]
    if oldest is None:
        return 0, 0
    chosen: dict[str, tuple[Path, int]] = {}
    completed: set[str] = set()
    lines = 0
    for path in (oldest, *others):
        for offset, entry in scan(path):
            lines += 1
            if not isinstance(entry, str) and entry.key not in completed:
                chosen[entry.key] = (path, offset)
                completed |= {entry.key} if isinstance(entry, Completion) else set()
    places = set(chosen.values())
    with records.replacing(oldest) as temporary, open(temporary, "wb") as out:
        again = ((path, *found) for path in (oldest, *others) for found in scan(path))
        still = (entry for path, offset, entry in again if (path, offset) in places and not isinstance(entry, str))
        if len([out.write(encode(entry)) for entry in still]) < len(places):  # somebody else compacts it, too
            raise UserError(f"{folder} changed meanwhile, and is left as it is: compact it again")
        out.flush()
        os.fsync(out.fileno())
    for path in others:
        path.unlink()
    return len(places), lines - len(places)


def _drop(arguments: argparse.Namespace) -> int:
    for folder in _folders(arguments):
        found = counts(folder)
        what = f"{found['completions']} completions ({found['completion_tokens']} tokens)"
        what += f" and {found['batches']} batches under way" if found["batches"] else ""
        if arguments.yes:
            shutil.rmtree(folder)
        print(f"{'dropped' if arguments.yes else 'would drop'} {found['model']}/{found['set']}: {what}")
    if not arguments.yes:
        print("nothing is dropped without --yes", file=sys.stderr)
    return 0
