"""Rule find_contamination: training problems that a benchmark, or another training problem, already asks."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from skymake import records, rule
from skymake.decontamination import Asked, Hit, Index


def find_contamination(training: list[str], benchmarks: list[str], hits: str, summary: str, private: list[str]) -> None:
    """Write every training problem that a benchmark asks, then every repeat among the rest; and what was compared.

    private: the sets whose text a hit must not show.
    """
    sizes: dict[str, Counter[str]] = {"training": Counter(), "benchmarks": Counter()}
    index = Index(held_out=True)
    for asked in counted(benchmarks, sizes["benchmarks"]):
        index.add(asked)
    found = list(compare(counted(training, sizes["training"]), index))
    records.write(hits, (hidden(hit) if {hit.set, hit.other_set} & set(private) else hit for hit in found))
    records.write_json(summary, {**{name: dict(sorted(sets.items())) for name, sets in sizes.items()}, **table(found)})


def counted(paths: list[str], sizes: Counter[str]) -> Iterator[Asked]:
    for asked in records.read_all(paths, Asked):
        sizes[asked.set] += 1
        yield asked


def compare(training: Iterable[Asked], benchmarks: Index) -> Iterator[Hit]:
    """One hit at most a problem: a benchmark's before a training set's."""
    earlier = Index()
    for asked in training:
        if hit := benchmarks.find(asked) or earlier.find(asked):
            yield hit
        else:
            earlier.add(asked)


def hidden(hit: Hit) -> Hit:
    return msgspec.structs.replace(hit, span=None)


def table(hits: list[Hit]) -> dict[str, list[dict[str, Any]]]:
    """How many problems each pair of sets shares, by rule."""
    counts = Counter((hit.set, hit.other_set, hit.rule) for hit in hits)
    names = ("set", "other_set", "rule")
    return {
        "hits": [{**dict(zip(names, key, strict=True)), "problems": count} for key, count in sorted(counts.items())]
    }


if __name__ == "__main__":
    rule.run(find_contamination, snakemake)
