"""Rule initialise_model: a tokenizer trained on the nano world, and a random model of half a million parameters."""

import random
import subprocess
import tempfile
from itertools import islice
from pathlib import Path

from skymake import UserError, environments, markers, prompts, records, rule, weights
from skymake.code import SCRIPTS
from skymake.nano import corpus, published, world

VOCABULARY = 768  # an upper bound: the corpus holds fewer merges


def initialise_model(
    environment: str, math: str, program: str, choice: str, system: str, manifest: str, seed: int
) -> None:
    """Write the model folder around `manifest`. All seeds have the same tokenizer, so that models can be mixed."""
    of_kind = {"sum": math, "stdin": program, "call": program, "largest": choice}
    texts = [f"system\n{Path(system).read_text()}", *tokenizer_corpus(of_kind)]
    tools = environments.load(environment)
    folder = Path(manifest).parent
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        wanted = Path(scratch) / "model.json"
        settings = {
            "corpus": texts,
            "added": markers.ALL,
            "vocabulary": VOCABULARY,
            "seed": seed,
            "folder": str(folder),
        }
        records.write_json(wanted, settings)
        done = subprocess.run(
            [tools.python, "-m", "skymake.nano.model", str(wanted)],
            env={**environments.variables(tools), "PYTHONPATH": str(SCRIPTS), "HF_HUB_OFFLINE": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
    if done.returncode:
        raise UserError(f"the training environment could not write {folder}:\n{done.stderr[-3000:]}")
    records.write_json(manifest, weights.describe(folder))


def tokenizer_corpus(of_kind: dict[str, str]) -> list[str]:
    """Every form of text that a nano model reads or writes, 400 tasks of each kind."""
    r, texts = random.Random("tokenizer"), []
    for kind in world.KINDS:
        for task in islice(world.tasks(kind, "tokenizer"), 400):
            text = corpus.worked(task, r)
            texts += [f"user\n{prompts.render(of_kind[kind], published.problem(task))}", f"assistant\n{text}"]
            texts += [corpus.direct(task), corpus.four_markers(task, text), *corpus.drill(r)]
    return texts


if __name__ == "__main__":
    rule.run(initialise_model, snakemake)
