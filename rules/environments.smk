# Environments for the heavy tools, which exclude each other's packages.
#
#   envs/{environment}-{device}.txt -> <results>/environments/{environment}.json
localrules:
    build_environment,


rule build_environment:
    """A virtual environment for vLLM (serve) or for LLaMA-Factory and DeepSpeed (train)."""
    input:
        requirements=of("environment", project.requirements),
    output:
        environment="<results>/environments/{environment}.json",
    log:
        "<logs>/build_environment/{environment}.log",
    wildcard_constraints:
        environment="serve|train",
    conda:
        "../envs/workflow.yaml"
    params:
        site=lookup("environments/{environment}", within=config),
        torch_index=lookup("environments/torch_index", within=config),
    script:
        "../scripts/build_environment.py"
