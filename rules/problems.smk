# Published rows become problems.
#
#   a dataset at a revision, or local files -> <results>/sources/{source}.jsonl
#   <results>/sources/{source}.jsonl -> <results>/problems/{set}/{shard}.jsonl, <results>/references/{set}/{shard}.jsonl
#   problems, a model's replies -> <results>/ratings/{model}/{set}/{shard}.jsonl
#   <results>/sources/{source}.jsonl -> <results>/prompts/{source}/{column}.jinja
localrules:
    fetch_source,
    quote_prompt,


rule fetch_source:
    """The rows of a published dataset at its pinned revision, or of local files; compute nodes need no internet."""
    output:
        rows="<results>/sources/{source}.jsonl",
    log:
        "<logs>/fetch_source/{source}.log",
    wildcard_constraints:
        source=one_of(project.having("sources", "files")),
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("fetch_source"),
        source="{source}",
        spec=of("source", project.published),
    script:
        "../scripts/fetch_source.py"


rule build_problems:
    """The problems of a set, filtered as the config says, in shards; every dropped row is counted with its reason."""
    input:
        source=of("set", project.source),
        labels=of("set", project.labels),
    output:
        problems=collect("<results>/problems/{{set}}/{shard}.jsonl", shard=project.shards),
        references=collect("<results>/references/{{set}}/{shard}.jsonl", shard=project.shards),
        drops="<results>/problems/{set}/drops.json",
    log:
        "<logs>/build_problems/{set}.log",
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("build_problems"),
        set="{set}",
        spec=of("set", project.spec),
    script:
        "../scripts/build_problems.py"


rule rate_difficulty:
    """How hard problems are, as a model says whose prompt asks for it; another set takes these for its labels."""
    input:
        problems="<results>/problems/{set}/{shard}.jsonl",
        traces="<results>/traces/raw/{model}/{set}/{shard}.jsonl",
    output:
        ratings="<results>/ratings/{model}/{set}/{shard}.jsonl",
    log:
        "<logs>/rate_difficulty/{model}/{set}/{shard}.log",
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("rate_difficulty"),
    script:
        "../scripts/rate_difficulty.py"


rule quote_prompt:
    """A system prompt that a dataset holds in a column, to the byte."""
    input:
        rows="<results>/sources/{source}.jsonl",
    output:
        prompt="<results>/prompts/{source}/{column}.jinja",
    log:
        "<logs>/quote_prompt/{source}/{column}.log",
    wildcard_constraints:
        column=r"\w+",
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("quote_prompt"),
        column="{column}",
    script:
        "../scripts/quote_prompt.py"
