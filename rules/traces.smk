# What models answer. The server of a model is a service: it lives as long as the clients that ask it.
#
#   weights -> <results>/engines/{model}/{shard}.json
#   problems, prompts, engine -> <results>/traces/raw/{model}/{set}/{shard}.jsonl
#   published answers -> <results>/traces/raw/{model}/{set}/{shard}.jsonl
import shlex


rule serve_model:
    """A vLLM server for one model and one shard of every set."""
    input:
        environment="<results>/environments/serve.json",
        manifest=of("model", project.weights),
    output:
        engine=service("<results>/engines/{model}/{shard}.json"),
    log:
        "<logs>/serve_model/{model}/{shard}.log",
        server="<logs>/serve_model/{model}/{shard}.vllm.log",
    conda:
        "../envs/workflow.yaml"
    resources:
        engine=1,
    params:
        command=shlex.join([sys.executable, f"{workflow.basedir}/scripts/serve_model.py"]),
        serving=of("model", project.serving_json),
        store=config["store"],
    shell:
        "exec {params.command} log={log[0]} server={log.server}"
        " environment={input.environment} manifest={input.manifest} engine={output.engine}"
        " model={wildcards.model} serving={params.serving:q} store={params.store:q}"


rule sample_traces:
    """A model's answers to a shard of a set: from the store what was answered before, from the model the rest."""
    input:
        engine=of("model", "shard", project.engine),
        weights=of("model", project.weights),
        problems="<results>/problems/{set}/{shard}.jsonl",
        prompt=of("set", project.prompt),
        system=of("model", project.system),
    output:
        traces="<results>/traces/raw/{model}/{set}/{shard}.jsonl",
        failures="<results>/failures/{model}/{set}/{shard}.jsonl",
    log:
        "<logs>/sample_traces/{model}/{set}/{shard}.log",
    wildcard_constraints:
        model=one_of(project.answering),
    conda:
        "../envs/workflow.yaml"
    threads: 0
    params:
        code=code("sample_traces"),
        model="{model}",
        identity=of("model", project.identity),
        set="{set}",
        sampling=of("set", project.sampling),
        endpoint=of("model", project.endpoint),
        store=config["store"],
        failure_share=config["failure_share"],
        plan=project.plan,
    script:
        "../scripts/sample_traces.py"


rule import_traces:
    """The answers that a source publishes to its own questions, as traces of the model that stands for them."""
    input:
        source=of("set", project.source),
        problems="<results>/problems/{set}/{shard}.jsonl",
    output:
        traces="<results>/traces/raw/{model}/{set}/{shard}.jsonl",
        failures="<results>/failures/{model}/{set}/{shard}.jsonl",
    log:
        "<logs>/import_traces/{model}/{set}/{shard}.log",
    wildcard_constraints:
        model=one_of(project.publishing),
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("import_traces"),
        adapter=of("set", project.adapter),
        model="{model}",
    script:
        "../scripts/import_traces.py"
