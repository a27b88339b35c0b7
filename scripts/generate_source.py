"""Rule generate_source: rows of the nano world in a published schema."""

from skymake import records, rule
from skymake.nano import published


def generate_source(rows: str, schema: str, split: str, number: int, seed: int) -> None:
    """Write `number` different published rows. split: `train`, or `test` for a benchmark."""
    records.write(rows, published.rows(schema, split, number, seed))


if __name__ == "__main__":
    rule.run(generate_source, snakemake)
