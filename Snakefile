# skymake: from published problems to a reasoning model and its scores, every artifact a file.
#
#   <results>/problems/{set}/{shard}.jsonl                      what is asked, and how an answer is checked
#   <results>/traces/{form}/{model}/{set}/{shard}.jsonl         what a model answered, raw or reformatted
#   <results>/verdicts/{form}/{model}/{set}/{shard}.jsonl       what the grader says of it
#   <results>/mixtures/{recipe}/   checkpoints/{recipe}/        what a student is trained on, and the student
#   <results>/scores/{model}/{benchmark}.json                   what came of it
import time
from pathlib import Path

from snakemake.utils import min_version

from skymake import builds
from skymake.code import check_clone
from skymake.journal import Journal
from skymake.project import Project

min_version("9.27")
started = time.time()


if not workflow.overwrite_configfiles:

    configfile: "config/nano.yaml"


check_clone(workflow.basedir)
project = Project(config)
journal = Journal()


pathvars:
    results=project.results,
    logs=f"{project.results}/logs",


include: "rules/common.smk"
include: "rules/environments.smk"
include: "rules/nano.smk"
include: "rules/models.smk"
include: "rules/problems.smk"
include: "rules/traces.smk"
include: "rules/verdicts.smk"
include: "rules/curation.smk"
include: "rules/training.smk"
include: "rules/evaluation.smk"
include: "rules/report.smk"
include: "rules/release.smk"


onstart:
    builds.begin(project)  # for those who ask about these results: skymake why, impact, diff
    journal.begin(project.results)  # for skymake watch


onerror:
    journal.end("failed")


onsuccess:
    journal.end("done")
    table = Path(project.results, "comparison.md")
    if table.exists() and table.stat().st_mtime > started:  # a part of the graph may end without a new one
        print(table.read_text(), f"The report: {project.results}/report.html", sep="\n")


rule all:
    """The report, all that it rests on, and the cards of what may be released."""
    default_target: True
    input:
        "<results>/report.html",
        "<results>/manifest.json",
        project.files("{part}/{recipe}/README.md", part=["checkpoints", "mixtures"], recipe=project.released),
