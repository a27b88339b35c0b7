"""The laws of the house: what holds for every rule, script, prompt and config."""

import ast
import inspect
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings
from snakemake.utils import update_config

from skymake import code
from skymake.project import Project

SCRIPTS = {path.stem: path for path in sorted((ROOT / "scripts").glob("*.py"))}
LONG_RULE, LONG_SCRIPT, LONG_COMMON = 40, 150, 40  # lines
SCHEMA = yaml.safe_load((ROOT / "config/schema.yaml").read_text())
CONFIG = ROOT / "config"
PROJECTS = {  # overlays last
    "nano": ["nano"],
    "nano-flash": ["nano", "nano-flash"],
    "nano-rewriter": ["nano", "nano-rewriter"],
    "sky-t1": ["sky-t1"],
    "sky-t1-flash": ["sky-t1", "sky-t1-flash"],
    "sky-t1-ablations": ["sky-t1", "sky-t1-ablations"],
    "sky-t1-fast": ["sky-t1", "sky-t1-fast"],
}


def load_rules() -> dict:
    """The rules of the workflow, by name. Snakemake has no public way to ask for them."""
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        settings = ConfigSettings(configfiles=[ROOT / "config/nano.yaml"])
        workflow = api.workflow(ResourceSettings(cores=1), settings, snakefile=ROOT / "Snakefile", workdir=ROOT)
        return {rule.name: rule for rule in workflow._workflow.rules}


RULES = load_rules()
TARGETS = {"all", "plan"}
WORKING = {name: rule for name, rule in RULES.items() if name not in TARGETS}


def function(name: str):
    """The function of a script."""
    spec = spec_from_file_location(name, SCRIPTS[name])
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def test_every_rule_has_a_script_of_its_name_and_every_script_a_rule():
    assert WORKING.keys() == SCRIPTS.keys()
    for name, rule in WORKING.items():
        assert f"scripts/{name}.py" in (rule.script or rule.params.command)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_ends_by_running_its_function_and_is_short(name):
    text = SCRIPTS[name].read_text()
    assert re.search(rf'\n\n\nif __name__ == "__main__":\n    rule\.(run\({name}, snakemake|serve\({name})\)\n$', text)
    assert len(text.splitlines()) <= LONG_SCRIPT
    assert ast.get_docstring(ast.parse(text)).startswith(f"Rule {name}: ")


@pytest.mark.parametrize("name", WORKING)
def test_what_a_rule_names_is_what_its_function_takes(name):
    rule = RULES[name]
    if rule.shellcmd:
        named = {*re.findall(r"(\w+)=", rule.shellcmd)} - {"log"}
    else:
        parts = (rule.input, rule.output, rule.params, rule.log)
        named = {key for part in parts for key in part.keys()} - {"code"}  # noqa: SIM118  (not a dict)
    taken = inspect.signature(function(name)).parameters
    optional = {name for name, parameter in taken.items() if parameter.default is not parameter.empty} | {"threads"}
    assert taken.keys() - optional <= named <= taken.keys()


@pytest.mark.parametrize("name", WORKING)
def test_a_rule_says_what_it_makes_and_logs_it_and_is_short(name):
    rule = RULES[name]
    assert rule.docstring and len(rule.log) > 0
    text = Path(rule.snakefile).read_text()
    body = re.search(rf"^rule {name}:\n(?:(?:[ \t].*)?\n)+", text, re.MULTILINE)[0]
    assert len(body.strip().splitlines()) <= LONG_RULE


@pytest.mark.parametrize("name", WORKING.keys() - {"build_environment", "serve_model"})
def test_what_a_rule_makes_hangs_on_the_code_behind_it(name):
    """Two are exceptions: an environment is what its requirement file says, and a server is not an artifact."""
    assert dict(RULES[name].params.items())["code"] == code.digest(name)


def test_modules_are_named_for_what_they_hold_and_chapters_compute_nothing():
    stems = {path.stem for path in (ROOT / "scripts").rglob("*.py")}
    assert not stems & {"utils", "util", "helpers", "helper", "misc", "common"}
    assert len((ROOT / "rules/common.smk").read_text().splitlines()) <= LONG_COMMON
    for chapter in (ROOT / "rules").glob("*.smk"):
        assert chapter.name == "common.smk" or "lambda" not in chapter.read_text(), chapter


def project(name: str) -> Project:
    """A project of the config folder."""
    config: dict = {}
    for layer in PROJECTS[name]:
        update_config(config, yaml.safe_load((CONFIG / f"{layer}.yaml").read_text()))
    return Project(config)


def test_every_config_is_of_a_project():
    assert {layer for layers in PROJECTS.values() for layer in layers} == {
        path.stem for path in CONFIG.glob("*.yaml") if path.name != "schema.yaml"
    }


@pytest.mark.parametrize("name", PROJECTS)
def test_a_project_is_of_the_schema_and_its_prompts_exist(name):
    known = project(name)
    files = {known.prompt(name) for name in known.config["sets"]}
    files |= {known.rewriter_prompt(name) for name in known.config["rewriters"]}
    files |= {known.system(name) for name in (*known.config["models"], *known.recipes) if known.system(name)}
    assert not [file for file in files if file.startswith("config/") and not (ROOT / file).is_file()]


def parts(schema: dict, path: str = "$"):
    """(path, schema) of a schema and all that it is made of."""
    yield path, schema
    for name in ("properties", "$defs"):
        for key, part in schema.get(name, {}).items():
            yield from parts(part, f"{path}.{key}")


def resolved(schema: dict) -> dict:
    """A schema in which what it refers to is filled in."""
    found = SCHEMA
    for key in schema.get("$ref", "#").split("/")[1:]:
        found = found[key]
    return {**(found if "$ref" in schema else {}), **schema}


def test_the_schema_describes_every_key_and_allows_no_other():
    for path, schema in parts(SCHEMA):
        for key, part in schema.get("properties", {}).items():
            assert resolved(part).get("description"), f"{path}.{key} has no description"
        assert "properties" not in schema or schema.get("additionalProperties") is False, path
