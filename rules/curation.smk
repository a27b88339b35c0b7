# From verdicts to a training set.
#
#   traces, verdicts -> <results>/filtered/{model}/{set}.jsonl
#   filtered -> <results>/traces/reformatted/{model}/{set}/{shard}.jsonl
#   filtered or raw traces -> <results>/traces/reformatted-{rewriter}/{model}/{set}/{shard}.jsonl
#   problems -> <results>/contamination/{recipe}/
#   reformatted traces, their verdicts, contamination -> <results>/mixtures/{recipe}/
#   all samples, their verdicts, contamination -> <results>/mixtures/{recipe}/, in pairs
localrules:
    filter_traces,


rule filter_traces:
    """Rejection sampling: the traces whose verdict is correct, and published ones to which there is no key."""
    input:
        traces=collect(
            "<results>/traces/raw/{{model}}/{{set}}/{shard}.jsonl",
            shard=project.shards,
        ),
        verdicts=collect(
            "<results>/verdicts/raw/{{model}}/{{set}}/{shard}.jsonl",
            shard=project.shards,
        ),
    output:
        filtered="<results>/filtered/{model}/{set}.jsonl",
    log:
        "<logs>/filter_traces/{model}/{set}.log",
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("filter_traces"),
    script:
        "../scripts/filter_traces.py"


rule reformat_traces:
    """Correct traces restated in the four-marker format: a thought, then a solution."""
    input:
        problems="<results>/problems/{set}/{shard}.jsonl",
        filtered="<results>/filtered/{model}/{set}.jsonl",
    output:
        traces="<results>/traces/reformatted/{model}/{set}/{shard}.jsonl",
        rejections="<results>/rejections/reformatted/{model}/{set}/{shard}.jsonl",
    log:
        "<logs>/reformat_traces/{model}/{set}/{shard}.log",
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("reformat_traces"),
    script:
        "../scripts/reformat_traces.py"


rule rewrite_traces:
    """Traces restated in the four-marker format by a rewriter model, and held to the contract with it."""
    input:
        engine=of("rewriter", "shard", project.of_rewriter(project.engine)),
        problems="<results>/problems/{set}/{shard}.jsonl",
        traces=of("rewriter", "model", "set", "shard", project.to_rewrite),
        weights=of("rewriter", project.of_rewriter(project.weights)),
        prompt=of("rewriter", project.rewriter_prompt),
        system=of("rewriter", project.of_rewriter(project.system)),
    output:
        reformatted="<results>/traces/reformatted-{rewriter}/{model}/{set}/{shard}.jsonl",
        rejections="<results>/rejections/reformatted-{rewriter}/{model}/{set}/{shard}.jsonl",
        rewrites="<results>/rewrites/{rewriter}/{model}/{set}/{shard}.jsonl",
    log:
        "<logs>/rewrite_traces/{rewriter}/{model}/{set}/{shard}.log",
    wildcard_constraints:
        rewriter=one_of(config["rewriters"]),
    conda:
        "../envs/workflow.yaml"
    threads: 0
    params:
        code=code("rewrite_traces"),
        model=lookup("rewriters/{rewriter}/model", within=config),
        identity=of("rewriter", project.of_rewriter(project.identity)),
        set="{set}",
        rewriter=lookup("rewriters/{rewriter}", within=config),
        sampling=of("rewriter", project.rewriter_sampling),
        endpoint=of("rewriter", project.of_rewriter(project.endpoint)),
        store=config["store"],
        failure_share=config["failure_share"],
        plan=project.plan,
    script:
        "../scripts/rewrite_traces.py"


rule find_contamination:
    """Problems of a recipe that a benchmark, or an earlier problem of the recipe, already asks."""
    input:
        training=of_recipe("problems/{set}/{shard}.jsonl"),
        benchmarks=of_benchmarks("problems/{benchmark}/{shard}.jsonl"),
    output:
        hits="<results>/contamination/{recipe}/hits.jsonl",
        summary="<results>/contamination/{recipe}/summary.json",
    log:
        "<logs>/find_contamination/{recipe}.log",
    wildcard_constraints:
        recipe=one_of(project.mixed + project.paired),
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("find_contamination"),
        recipe="{recipe}",
        private=project.private,
    script:
        "../scripts/find_contamination.py"


rule build_mixture:
    """The training set of a recipe: verified traces, each question once, no question of a benchmark."""
    input:
        problems=of_recipe("problems/{set}/{shard}.jsonl"),
        traces=of_recipe("traces/{form}/{teacher}/{set}/{shard}.jsonl"),
        verdicts=of_recipe("verdicts/{form}/{teacher}/{set}/{shard}.jsonl"),
        hits="<results>/contamination/{recipe}/hits.jsonl",
        prompt=of("recipe", project.prompts),
        system=of("recipe", project.system),
    output:
        train="<results>/mixtures/{recipe}/train.jsonl",
        info="<results>/mixtures/{recipe}/dataset_info.json",
        provenance="<results>/mixtures/{recipe}/provenance.jsonl",
        dropped="<results>/mixtures/{recipe}/dropped.jsonl",
        card="<results>/mixtures/{recipe}/card.md",
    log:
        "<logs>/build_mixture/{recipe}.log",
    wildcard_constraints:
        recipe=one_of(project.mixed),
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("build_mixture"),
        sets=lookup("recipes/{recipe}/sets", within=config),
        limits=of("recipe", project.limits),
        recipe="{recipe}",
    script:
        "../scripts/build_mixture.py"


rule build_preferences:
    """Pairs of answers to one problem, the shorter correct one preferred, for a recipe that learns from preferences."""
    input:
        problems=of_recipe("problems/{set}/{shard}.jsonl"),
        traces=of_recipe("traces/raw/{teacher}/{set}/{shard}.jsonl"),
        verdicts=of_recipe("verdicts/raw/{teacher}/{set}/{shard}.jsonl"),
        hits="<results>/contamination/{recipe}/hits.jsonl",
        prompt=of("recipe", project.prompts),
        system=of("recipe", project.system),
    output:
        train="<results>/mixtures/{recipe}/train.jsonl",
        info="<results>/mixtures/{recipe}/dataset_info.json",
        provenance="<results>/mixtures/{recipe}/provenance.jsonl",
        card="<results>/mixtures/{recipe}/card.md",
    log:
        "<logs>/build_preferences/{recipe}.log",
    wildcard_constraints:
        recipe=one_of(project.paired),
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("build_preferences"),
        pairs=lookup("recipes/{recipe}/pairs", within=config),
        recipe="{recipe}",
    script:
        "../scripts/build_preferences.py"
