# What leaves the house: checkpoints and mixtures with their cards.
#
#   checkpoint, mixture, funnel, comparison -> <results>/checkpoints/{recipe}/README.md
#   mixture, funnel -> <results>/mixtures/{recipe}/README.md
#   `snakemake publish`: both, to the Hugging Face hub
localrules:
    publish,


rule write_model_card:
    """What a checkpoint is, how it came to be and how good it is, in the format of the Hugging Face hub."""
    input:
        manifest="<results>/checkpoints/{recipe}/manifest.json",
        steps="<results>/checkpoints/{recipe}/trainer_log.jsonl",
        train="<results>/mixtures/{recipe}/train.jsonl",
        mixture="<results>/mixtures/{recipe}/card.md",
        funnel=of("recipe", project.funnel),
        scores="<results>/comparison.csv",
        ledger="<results>/ledger.json",
        train_environment="<results>/environments/train.json",
        serve_environment="<results>/environments/serve.json",
    output:
        card="<results>/checkpoints/{recipe}/README.md",
    log:
        "<logs>/write_model_card/{recipe}.log",
    wildcard_constraints:
        recipe=one_of(project.released),
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("write_model_card"),
        recipe="{recipe}",
        settings=config,
    script:
        "../scripts/write_model_card.py"


rule write_dataset_card:
    """What a training set is and how it came to be, in the format of the Hugging Face hub."""
    input:
        provenance="<results>/mixtures/{recipe}/provenance.jsonl",
        mixture="<results>/mixtures/{recipe}/card.md",
        funnel=of("recipe", project.funnel),
    output:
        card="<results>/mixtures/{recipe}/README.md",
    log:
        "<logs>/write_dataset_card/{recipe}.log",
    wildcard_constraints:
        recipe=one_of(project.released),
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("write_dataset_card"),
        recipe="{recipe}",
        settings=config,
    script:
        "../scripts/write_dataset_card.py"


rule publish:
    """What `release` names, to the Hugging Face hub; says what it would do, and does it when that says `publish: push`."""
    input:
        manifests=project.files("checkpoints/{recipe}/manifest.json", recipe=project.released),
        trains=project.files("mixtures/{recipe}/train.jsonl", recipe=project.released),
        cards=project.files("{part}/{recipe}/README.md", part=["checkpoints", "mixtures"], recipe=project.released),
    log:
        "<logs>/publish.log",
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("publish"),
        release=lookup("release", within=config, default=None),
    script:
        "../scripts/publish.py"
