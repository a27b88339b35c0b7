"""Rule write_corpus: the mixture that a nano teacher or base is trained on."""

import random

from skymake import mixtures, prompts, rule
from skymake.nano import corpus, published, world


def write_corpus(
    math: str, program: str, choice: str, system: str, train: str, info: str, kind: str, number: int, seed: int
) -> None:
    """Write `number` rows of the corpus `kind` in the layout of a mixture."""
    of_kind = {"sum": math, "stdin": program, "call": program, "largest": choice}

    def asked(task) -> str:
        return prompts.render(of_kind[task.kind], published.problem(task))

    said = prompts.render(system, published.problem(next(world.tasks("sum", ""))))
    rows = [mixtures.row(said, question, answer) for question, answer in corpus.CORPORA[kind](asked, number, seed)]
    mixtures.write(train, info, corpus.in_batches(rows, random.Random(seed)))


if __name__ == "__main__":
    rule.run(write_corpus, snakemake)
