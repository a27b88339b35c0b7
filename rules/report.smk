# What came of it all, on one page.
#
#   problems, prompts, store -> <results>/plan.{json,md}
#   traces, checkpoints, servers' times -> <results>/ledger.{json,csv}
#   records of a recipe -> <results>/funnels/{recipe}.json
#   comparison, scores, funnels, trainer logs -> <results>/report.html
#   everything -> <results>/manifest.json
from skymake.code import programs
from skymake.inventory import environments, inventory
from skymake import spending


localrules:
    plan_costs,
    plan,
    count_funnel,
    render_report,


rule plan_costs:
    """What is still to pay for: requests that the store has no answer to, labels too, training; refused over budget."""
    input:
        spending.files(project),
    output:
        plan="<results>/plan.json",
        table="<results>/plan.md",
    log:
        "<logs>/plan_costs.log",
    priority: 1
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("plan_costs"),
        project=config["project"],
        devices=config["devices"],
        work=spending.work(project),
        estimates=spending.estimates(project),
        store=config["store"],
    script:
        "../scripts/plan_costs.py"


rule plan:
    """The plan alone: what everything is going to cost, without a GPU and before anything is paid."""
    input:
        "<results>/plan.md",


rule keep_ledger:
    """What each stage really took: tokens, hours, money, and each of them for a row that is trained on."""
    input:
        spending.made(project),
    output:
        table=report("<results>/ledger.csv", category="Costs", caption="../scripts/skymake/report/ledger.rst"),
        ledger="<results>/ledger.json",
    log:
        "<logs>/keep_ledger.log",
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("keep_ledger"),
        work=spending.work(project),
        estimates=spending.estimates(project),
        store=config["store"],
    script:
        "../scripts/keep_ledger.py"


rule count_funnel:
    """What became of the problems of a recipe, stage by stage, with examples of what was rejected."""
    input:
        drops=of_recipe("problems/{set}/drops.json"),
        problems=of_recipe("problems/{set}/{shard}.jsonl"),
        traces=of_recipe("traces/raw/{teacher}/{set}/{shard}.jsonl"),
        failures=of_recipe("failures/{teacher}/{set}/{shard}.jsonl"),
        verdicts=of_recipe("verdicts/raw/{teacher}/{set}/{shard}.jsonl"),
        filtered=of_recipe("filtered/{teacher}/{set}.jsonl"),
        reformatted=of_recipe("traces/{form}/{teacher}/{set}/{shard}.jsonl"),
        rejections=of_recipe("rejections/{form}/{teacher}/{set}/{shard}.jsonl"),
        reformatted_verdicts=of_recipe("verdicts/{form}/{teacher}/{set}/{shard}.jsonl"),
        provenance="<results>/mixtures/{recipe}/provenance.jsonl",
        dropped="<results>/mixtures/{recipe}/dropped.jsonl",
    output:
        funnel="<results>/funnels/{recipe}.json",
    log:
        "<logs>/count_funnel/{recipe}.log",
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("count_funnel"),
        recipe="{recipe}",
        private=project.private,
    script:
        "../scripts/count_funnel.py"


rule render_report:
    """One self-contained page: scores, funnels, loss curves, and the settings they came from."""
    input:
        comparison="<results>/comparison.csv",
        scores=of_benchmarks("scores/{model}/{benchmark}.json"),
        funnels=collect("<results>/funnels/{recipe}.json", recipe=project.mixed),
        contamination=collect(
            "<results>/contamination/{recipe}/summary.json",
            recipe=project.mixed + project.paired,
        ),
        plan="<results>/plan.json",
        ledger="<results>/ledger.json",
        trainer_logs=collect("<results>/checkpoints/{recipe}/trainer_log.jsonl", recipe=project.recipes),
        environments=environments(project),
    output:
        html=report("<results>/report.html", category="Report", caption="../scripts/skymake/report/report.rst"),
    log:
        "<logs>/render_report.log",
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("render_report"),
        title=config["project"],
        settings=config,
    script:
        "../scripts/render_report.py"


rule write_manifest:
    """What the build was made of and with: settings, digests of every file, packages, graders, hardware."""
    input:
        **inventory(project),
    output:
        manifest=report(
            "<results>/manifest.json", category="Made with", caption="../scripts/skymake/report/manifest.rst"
        ),
    log:
        "<logs>/write_manifest.log",
    conda:
        "../envs/workflow.yaml"
    params:
        code=code("write_manifest"),
        project=config["project"],
        settings=config,
        programs=programs(),
    script:
        "../scripts/write_manifest.py"
