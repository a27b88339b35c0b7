# What the graders say of traces, the teacher's and the student's, raw and reformatted alike.
#
#   problems, references -> <results>/quarantine/{set}/{shard}.jsonl
#   problems, traces, quarantine -> <results>/verdicts/{form}/{model}/{set}/{shard}.jsonl
rule check_references:
    """Problems whose own reference solutions all fail, so that no verdict on them can be trusted."""
    input:
        problems="<results>/problems/{set}/{shard}.jsonl",
        references="<results>/references/{set}/{shard}.jsonl",
    output:
        quarantine="<results>/quarantine/{set}/{shard}.jsonl",
    log:
        "<logs>/check_references/{set}/{shard}.log",
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("check_references"),
        limits=config["grading"],
    script:
        "../scripts/check_references.py"


rule grade_traces:
    """A verdict for every trace of a shard; programs run in the sandbox."""
    input:
        problems="<results>/problems/{set}/{shard}.jsonl",
        traces="<results>/traces/{form}/{model}/{set}/{shard}.jsonl",
        quarantine="<results>/quarantine/{set}/{shard}.jsonl",
    output:
        verdicts="<results>/verdicts/{form}/{model}/{set}/{shard}.jsonl",
    log:
        "<logs>/grade_traces/{form}/{model}/{set}/{shard}.log",
    conda:
        "../envs/workflow.yaml"
    threads: 2
    params:
        code=code("grade_traces"),
        limits=config["grading"],
        published=of("model", project.publishes),
    script:
        "../scripts/grade_traces.py"
