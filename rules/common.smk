# Input functions: what a rule needs that its wildcards alone do not name. Each is one question to the project.
from skymake.code import digest as code


wildcard_constraints:
    form="raw|reformatted",
    model=r"\w+",
    recipe=r"\w+",
    set=r"\w+",
    benchmark=r"\w+",
    shard=r"\d+",


def one_of(names):
    """A wildcard constraint: one of some names, or nothing at all."""
    return "|".join(names) or "(?!)"


def of(wildcard, question):
    """An input or params function: what the project answers to a question about the value of a wildcard."""
    return lambda wildcards: question(getattr(wildcards, wildcard))


def of_recipe(pattern):
    """The files of a pattern for the sets of a recipe, their teachers, and all shards."""
    return of("recipe", lambda recipe: project.recipe_files(recipe, pattern))


def of_benchmarks(pattern):
    """The files of a pattern for all models and benchmarks of the evaluation, and all shards."""
    return project.files(
        pattern,
        model=config["evaluation"]["models"],
        benchmark=config["evaluation"]["benchmarks"],
    )


def engine_of(wildcards):
    """The address of the server that holds a model and a shard; nothing for a hosted model."""
    return project.engine(wildcards.model, wildcards.shard)
