"""The published schemas, one module each, and the registry of their adapters."""

from collections.abc import Callable
from typing import NamedTuple

from skymake import UserError
from skymake.sources import aime, apps, gpqa, jsonl, livecodebench, math500, numina, still2, taco
from skymake.sources.row import Adapted, Row


class Adapter(NamedTuple):
    """How a row of a schema is read, and what makes a problem of it (or raises Drop, or Broken).

    answer: the published answer of a row, in schemas that publish a model's answers.
    """

    row: type[Row]
    adapt: Callable[..., Adapted]
    answer: Callable[..., str] | None = None


ADAPTERS = {
    "aime": Adapter(aime.Aime, aime.adapt),
    "apps": Adapter(apps.Apps, apps.adapt),
    "gpqa": Adapter(gpqa.Gpqa, gpqa.adapt),
    "jsonl": Adapter(jsonl.Own, jsonl.adapt),
    "livecodebench": Adapter(livecodebench.LiveCodeBench, livecodebench.adapt),
    "math500": Adapter(math500.Math500, math500.adapt),
    "numina": Adapter(numina.Numina, numina.adapt),
    "still2": Adapter(still2.Still2, still2.adapt, still2.answer),
    "taco": Adapter(taco.Taco, taco.adapt),
}


def adapter(name: str) -> Adapter:
    """The adapter of that name; raises UserError naming those there are."""
    if name not in ADAPTERS:
        raise UserError(f"no adapter {name!r}; there are {', '.join(sorted(ADAPTERS))}")
    return ADAPTERS[name]
