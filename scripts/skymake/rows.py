"""What a mixture must be before it is trained on: every row of the right form, and none longer than the cut-off."""

import logging
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from skymake import UserError, environments, markers, records, trainer
from skymake.code import SCRIPTS
from skymake.environments import Environment
from skymake.mixtures import Pair, Row, Turn

SHOWN = 5  # faulty rows that an error names


class Measured(records.Record):
    """Tokens of each row, in their order, and the text of the tokens that end an answer."""

    lengths: list[int]
    ending: str


class Mixture(records.Record):
    """What is left to train on. folder: where train.jsonl and dataset_info.json are. tokens: of one pass."""

    folder: str
    rows: int
    tokens: int
    over_long: int


def check(train: Path, pairs: bool, marked: bool) -> int:
    """How many rows (or pairs) a mixture has. UserError that names the file and the first faulty rows, if any.

    marked: whether answers must be in the four-marker format.
    """
    faulty, number = [], 0
    for number, row in enumerate(records.read(train, Pair if pairs else Row), start=1):
        faulty += [f"{train}:{number}: {fault}" for fault in faults(row, marked)]
    if faulty:
        more = f"\n... and {len(faulty) - SHOWN} more" if len(faulty) > SHOWN else ""
        raise UserError("\n".join(faulty[:SHOWN]) + more)
    if not number:
        raise UserError(f"{train} is empty: no trace survived the curation, so there is nothing to train on")
    return number


def faults(row: Row | Pair, marked: bool) -> Iterator[str]:
    """What is wrong with a row."""
    for place, turns in enumerate(conversations(row)):
        roles = [turn.role for turn in turns]
        if not roles or roles != ["user", "assistant"] * (len(roles) // 2):
            yield f"the roles are {', '.join(roles) or 'none'}; they must be user and assistant in turn"
        elif empty := [turn.role for turn in turns if not turn.value.strip()]:
            yield f"a turn of the {empty[0]} is empty"
        elif marked and place == 0 and markers.parse(turns[-1].value) is None:  # what is unlearnt may lack them
            yield "the answer does not hold each of the four markers once and in order"


def conversations(row: Row | Pair) -> list[list[Turn]]:
    """The conversation of a row, or both of a pair, the one to learn first."""
    if isinstance(row, Row):
        return [row.conversations]
    return [[*row.conversations, row.chosen], [*row.conversations, row.rejected]]


def measure(environment: Environment, train: Path, base: Path, template: str, folder: Path) -> Measured:
    """The lengths of all rows by the base's own tokenizer, counted in the training environment.

    folder: where the result is kept. UserError when there is no such template.
    """
    out = folder / "lengths.json"
    command = [environment.python, "-m", f"{trainer.__name__}.lengths", str(train), str(base), template, str(out)]
    variables = {**environments.variables(environment), "PYTHONPATH": str(SCRIPTS), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=variables, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise UserError(f"the rows of {train} could not be measured: {done.stderr.strip()[-3000:]}")
    return records.read_json(out, Measured)


def prepare(train: Path, lengths: Sequence[int], cutoff: int, over_long: str, packing: bool, folder: Path) -> Mixture:
    """The mixture to train on: `train` itself, or without rows longer than `cutoff` tokens a copy below `folder`.

    over_long: `drop`, `truncate` (which the trainer does) or `error`. Says what happens to how many.
    """
    longer = [number for number, length in enumerate(lengths, start=1) if length > cutoff]
    if longer:
        share = f"{len(longer)} of {len(lengths)} rows have more than {cutoff} tokens, the longest {max(lengths)}"
        if over_long == "error":
            named = ", ".join(f"{train}:{number} ({lengths[number - 1]})" for number in longer[:SHOWN])
            raise UserError(f"{share}: {named}; raise cutoff_tokens, or let over_long be drop or truncate")
        if over_long == "truncate" and packing:
            raise UserError(f"{share}: the trainer cannot truncate packed rows; let over_long be drop or error")
        logging.warning("%s: %s", share, {"drop": "dropped", "truncate": "cut off there"}[over_long])
    tokens = sum(min(length, cutoff) for length in lengths)
    if not longer or over_long == "truncate":
        return Mixture(str(train.parent.resolve()), len(lengths), tokens, len(longer))
    return Mixture(*_without(train, set(longer), folder), tokens - cutoff * len(longer), len(longer))


def _without(train: Path, numbers: set[int], folder: Path) -> tuple[str, int]:
    """Copy a mixture without some of its rows (1 is the first). Returns the folder and how many rows are left."""
    folder.mkdir(exist_ok=True)
    shutil.copyfile(train.parent / "dataset_info.json", folder / "dataset_info.json")
    with open(train, "rb") as rows, records.replacing(folder / train.name) as kept, open(kept, "wb") as out:
        out.writelines(row for number, row in enumerate(rows, start=1) if number not in numbers)
    left = sum(1 for _ in open(folder / train.name, "rb"))  # noqa: SIM115
    if not left:
        raise UserError(f"every row of {train} is longer than cutoff_tokens: there is nothing to train on")
    return str(folder.resolve()), left
