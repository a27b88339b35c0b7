# Input functions: what a rule needs that its wildcards alone do not name. Each is one question to the project.
from skymake.code import digest as code


wildcard_constraints:
    form=r"raw|reformatted(-\w+)?",
    model=r"\w+",
    recipe=r"\w+",
    set=r"\w+",
    benchmark=r"\w+",
    shard=r"\d+",


def one_of(names):
    """A wildcard constraint: one of some names, or nothing at all."""
    return "|".join(names) or "(?!)"


def of(*wildcards_and_question):
    """An input or params function: what the project answers to a question about the values of some wildcards."""
    *names, question = wildcards_and_question
    return lambda wildcards: question(*(getattr(wildcards, name) for name in names))


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
