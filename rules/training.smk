# From a mixture to a student.
#
#   mixture, base weights -> <results>/checkpoints/{recipe}/
rule train_student:
    """A student fine-tuned by LLaMA-Factory; the run lives in the store, where an interrupted one resumes."""
    input:
        environment="<results>/environments/train.json",
        train="<results>/mixtures/{recipe}/train.jsonl",
        info="<results>/mixtures/{recipe}/dataset_info.json",
        base=of("recipe", project.base),
    output:
        manifest="<results>/checkpoints/{recipe}/manifest.json",
        steps="<results>/checkpoints/{recipe}/trainer_log.jsonl",
    log:
        "<logs>/train_student/{recipe}.log",
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("train_student"),
        settings=of("recipe", project.training),
        marked=of("recipe", project.marked),
        device=project.device,
        devices=config["devices"],
        nodes=config["nodes"],
        hardware=config["hardware"],
        tflops=config["costs"]["device"]["tflops"],
        seed=config["seed"],
        store=config["store"],
    script:
        "../scripts/train_student.py"
