# Published rows become problems.
#
#   <results>/sources/{source}.jsonl -> <results>/problems/{set}/{shard}.jsonl, <results>/references/{set}/{shard}.jsonl
rule build_problems:
    """The problems of a set, filtered as the config says, in shards; every dropped row is counted with its reason."""
    input:
        source=of("set", project.source),
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
