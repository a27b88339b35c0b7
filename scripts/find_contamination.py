"""Rule find_contamination: training problems that a benchmark, or another training problem, already asks."""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby

import msgspec

from skymake import records, rule
from skymake.decontamination import Asked, Hit, Index, Shared, Summary, compare

EXAMPLES = 3


def find_contamination(
    training: list[str], benchmarks: list[str], hits: str, summary: str, recipe: str, private: list[str]
) -> None:
    """Write every training problem that a benchmark asks, then every repeat among the rest; and what was compared.

    private: the sets whose text a hit must not show.
    """
    trained, held_out = Counter[str](), Counter[str]()
    index = Index(held_out=True)
    for asked in counted(benchmarks, held_out):
        index.add(asked)
    found = [shown(hit, private) for hit in compare(counted(training, trained), index)]
    records.write(hits, found)
    sizes = (dict(sorted(sizes.items())) for sizes in (trained, held_out))
    records.write_json(summary, Summary(recipe, *sizes, shared(found)))


def counted(paths: list[str], sizes: Counter[str]) -> Iterator[Asked]:
    """The problems of some files. sizes: set -> problems."""
    for asked in records.read_all(paths, Asked):
        sizes[asked.set] += 1
        yield asked


def shown(hit: Hit, private: list[str]) -> Hit:
    """The hit without its span where that is private."""
    return msgspec.structs.replace(hit, span=None) if {hit.set, hit.other_set} & set(private) else hit


def shared(hits: list[Hit]) -> list[Shared]:
    """The hits by what asks what, and the rule; of each a few, the least certain ones."""

    def pair(hit: Hit) -> tuple:
        return (hit.set, hit.other_set, hit.held_out, hit.rule)

    groups = ((key, list(group)) for key, group in groupby(sorted(hits, key=pair), key=pair))
    return [Shared(*key, len(group), sorted(group, key=lambda hit: hit.share)[:EXAMPLES]) for key, group in groups]


if __name__ == "__main__":
    rule.run(find_contamination, snakemake)
