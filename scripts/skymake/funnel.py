"""What became of the problems of a recipe, set by set: the record that `count_funnel` writes and the report draws."""

from skymake.records import Record

STAGES = ("problems", "traces", "filtered", "reformatted", "verified", "kept")


class Example(Record):
    """A rejected trace, shortened to be read. `form`: the trace was `raw` or `reformatted`."""

    form: str
    status: str
    problem: str
    question: str
    expected: str | None
    text: str
    answer: str | None
    detail: str


class SetFunnel(Record):
    """One set of a recipe.

    rows, dropped: published rows read, and reason -> rows that made no problem.
    stages: how many records are left after each of STAGES; a stage may be larger than the one before it only where
    several samples a problem are asked for.
    rejected: form -> status -> verdicts other than `correct`.
    difficulty: the source's own scale, by whole steps -> [problems, kept].
    tokens: `filtered` and `rejected` -> count of raw traces per bin of the recipe's `token_edges`.
    """

    set: str
    domain: str
    rows: int
    dropped: dict[str, int]
    stages: dict[str, int]
    rejected: dict[str, dict[str, int]]
    difficulty: dict[str, list[int]]
    tokens: dict[str, list[int]]
    examples: list[Example]


class Funnel(Record):
    """The sets of one recipe. token_edges: bounds of the bins, in completion tokens, one more than there are bins."""

    recipe: str
    token_edges: list[float]
    sets: list[SetFunnel]
