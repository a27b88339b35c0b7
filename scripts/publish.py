"""Rule publish: the released checkpoints and mixtures, with their cards, put on the Hugging Face hub."""

import logging
from typing import Any

from skymake import UserError, publishing, rule

log = logging.getLogger(__name__)


def publish(manifests: list[str], trains: list[str], cards: list[str], release: dict[str, Any] | None) -> None:
    """Tell what would be uploaded where; upload it when `release` says `publish: push`.

    release: the section of the config. manifests, trains: of each of its recipes, in their order. cards: are among the
    files of the same folders.
    """
    if not release:
        raise UserError("the config has no section `release`: it says which recipes are published, and where")
    pushing, uploads = release["publish"] == "push", []
    for chosen, manifest, train in zip(release["recipes"].values(), manifests, trains, strict=True):
        uploads += [publishing.model(chosen["model"], release["private"], manifest)]
        uploads += [publishing.dataset(chosen["dataset"], release["private"], train)]
    for upload in uploads:
        log.info("%s %s", "uploading to" if pushing else "would upload to", publishing.describe(upload))
        if pushing:
            log.info("done: %s", publishing.push(upload, "Built by skymake"))
    if not pushing:
        log.info("nothing was uploaded; to do it: snakemake publish --config 'release={publish: push}'")


if __name__ == "__main__":
    rule.run(publish, snakemake)
