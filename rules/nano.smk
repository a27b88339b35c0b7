# The nano world: its problems and its base models. Everything else in the nano project is the production stage.
#
#   seed -> <results>/sources/{source}.jsonl
#   seed, prompts -> <results>/models/{model}/
#   seed, prompts -> <results>/mixtures/{recipe}/
localrules:
    generate_source,
    initialise_model,
    write_corpus,


rule generate_source:
    """Rows of the nano world in the schema of a published source."""
    output:
        rows="<results>/sources/{source}.jsonl",
    log:
        "<logs>/generate_source/{source}.log",
    wildcard_constraints:
        source=one_of(project.having("sources", "nano")),
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("generate_source"),
        schema=lookup("sources/{source}/adapter", within=config),
        split=lookup("sources/{source}/nano/split", within=config),
        number=lookup("sources/{source}/nano/rows", within=config),
        seed=config["seed"],
    script:
        "../scripts/generate_source.py"


rule initialise_model:
    """A tokenizer trained on the nano world, and a random Qwen2 of half a million parameters."""
    input:
        environment="<results>/environments/train.json",
        math="config/prompts/math.jinja",
        program="config/prompts/program.jinja",
        choice="config/prompts/choice.jinja",
        system="config/prompts/step_by_step.jinja",
    output:
        manifest="<results>/models/{model}/manifest.json",
    log:
        "<logs>/initialise_model/{model}.log",
    wildcard_constraints:
        model=one_of(project.having("models", "nano")),
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("initialise_model"),
        seed=lookup("models/{model}/nano/seed", within=config),
    script:
        "../scripts/initialise_model.py"


rule write_corpus:
    """What a nano teacher or base is trained on: worked answers that slip now and then, or drills."""
    input:
        math="config/prompts/math.jinja",
        program="config/prompts/program.jinja",
        choice="config/prompts/choice.jinja",
        system="config/prompts/step_by_step.jinja",
    output:
        train="<results>/mixtures/{recipe}/train.jsonl",
        info="<results>/mixtures/{recipe}/dataset_info.json",
    log:
        "<logs>/write_corpus/{recipe}.log",
    wildcard_constraints:
        recipe=one_of(project.corpora),
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("write_corpus"),
        kind=lookup("recipes/{recipe}/corpus/kind", within=config),
        number=lookup("recipes/{recipe}/corpus/rows", within=config),
        seed=config["seed"],
    script:
        "../scripts/write_corpus.py"
