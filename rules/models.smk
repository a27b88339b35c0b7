# Published models.
#
#   the hub's cache -> <results>/models/{model}/
localrules:
    fetch_model,


rule fetch_model:
    """Weights of the Hugging Face hub, linked from its cache; compute nodes need no internet."""
    output:
        manifest="<results>/models/{model}/manifest.json",
    log:
        "<logs>/fetch_model/{model}.log",
    wildcard_constraints:
        model=one_of(project.having("models", "hub")),
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("fetch_model"),
        repository=lookup("models/{model}/hub/repository", within=config),
        revision=lookup("models/{model}/hub/revision", within=config),
    script:
        "../scripts/fetch_model.py"
