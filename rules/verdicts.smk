# What the graders say of traces, the teacher's and the student's, raw and reformatted alike.
#
#   problems, traces -> <results>/verdicts/{form}/{model}/{set}/{shard}.jsonl
rule grade_traces:
    """A verdict for every trace of a shard; programs run in the sandbox."""
    input:
        problems="<results>/problems/{set}/{shard}.jsonl",
        traces="<results>/traces/{form}/{model}/{set}/{shard}.jsonl",
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
    script:
        "../scripts/grade_traces.py"
