# From verdicts on benchmarks to scores, and from scores to a comparison.
#
#   verdicts -> <results>/scores/{model}/{benchmark}.json -> <results>/comparison.{csv,md}
localrules:
    score_model,
    compare_models,


rule score_model:
    """A model's result on a benchmark, with its uncertainty and with what went wrong, by kind."""
    input:
        problems=collect("<results>/problems/{{benchmark}}/{shard}.jsonl", shard=project.shards),
        traces=collect(
            "<results>/traces/raw/{{model}}/{{benchmark}}/{shard}.jsonl",
            shard=project.shards,
        ),
        verdicts=collect(
            "<results>/verdicts/raw/{{model}}/{{benchmark}}/{shard}.jsonl",
            shard=project.shards,
        ),
        failures=collect(
            "<results>/failures/{{model}}/{{benchmark}}/{shard}.jsonl",
            shard=project.shards,
        ),
        contamination=of("model", project.contamination),
    output:
        score="<results>/scores/{model}/{benchmark}.json",
    log:
        "<logs>/score_model/{model}/{benchmark}.log",
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("score_model"),
        model="{model}",
        benchmark="{benchmark}",
        sampling=of("benchmark", project.sampling),
    script:
        "../scripts/score_model.py"


rule compare_models:
    """All models on all benchmarks, paired on the same problems, beside the published numbers."""
    input:
        scores=of_benchmarks("scores/{model}/{benchmark}.json"),
        published=config["evaluation"]["published"],
    output:
        csv=report("<results>/comparison.csv", category="Scores", caption="../scripts/skymake/report/comparison.rst"),
        markdown="<results>/comparison.md",
    log:
        "<logs>/compare_models.log",
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("compare_models"),
        models=config["evaluation"]["models"],
        benchmarks=config["evaluation"]["benchmarks"],
        baseline=config["evaluation"]["baseline"],
    script:
        "../scripts/compare_models.py"
