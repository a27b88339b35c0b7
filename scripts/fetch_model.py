"""Rule fetch_model: published weights, in the cache of the Hugging Face hub, become a model of the project."""

import logging
from pathlib import Path

from skymake import hub, rule, weights


def fetch_model(manifest: str, repository: str, revision: str) -> None:
    """Fetch the weights, or find them in the cache, and link them to the folder of `manifest`. Nothing is copied."""
    files = hub.fetch(repository, "model", revision, weights.NEEDED, optional=weights.PARTS)
    weights.link(files[0].parent, Path(manifest))
    logging.info("%s at %s: %d files", repository, revision, len(files))


if __name__ == "__main__":
    rule.run(fetch_model, snakemake)
