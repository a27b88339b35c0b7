"""Which code decides an artifact."""

import shutil

import pytest

from skymake import UserError, code


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    """A copy of scripts/ to edit. The caches are of the files as they were first read, so every edit clears them."""
    copy = tmp_path / "scripts"
    shutil.copytree(code.SCRIPTS, copy, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    monkeypatch.setattr(code, "SCRIPTS", copy)
    monkeypatch.setattr(code, "LIBRARY", copy / "skymake")
    forget()
    yield copy
    forget()


def forget():
    for cached in (code.sources, code._imported, code._program):
        cached.cache_clear()


def changed(scripts, file: str, edit) -> set[str]:
    """The scripts whose digest an edit changes."""
    names = [path.stem for path in scripts.glob("*.py")]
    before = {name: code.digest(name) for name in names}
    path = scripts / file
    path.write_text(edit(path.read_text()))
    forget()
    return {name for name in names if code.digest(name) != before[name]}


def add_a_statement(text: str) -> str:
    return text + "\nEDITED = True\n"


def modules(script: str) -> set[str]:
    return {path.relative_to(code.SCRIPTS).as_posix() for path in code.sources(code.SCRIPTS / f"{script}.py")}


@pytest.mark.slow
@pytest.mark.parametrize(
    "edit",
    [
        lambda text: "# a comment\n\n" + text,
        lambda text: text.replace('"""', '"""In other words: ', 1),
        lambda text: text.replace("\n\n\n", "\n\n\n\n\n"),
    ],
    ids=["comment", "docstring", "blank lines"],
)
def test_an_edit_of_words_changes_no_digest(scripts, edit):
    assert changed(scripts, "skymake/records.py", edit) == set()


def test_an_edit_of_a_script_changes_its_own_digest_alone(scripts):
    assert changed(scripts, "filter_traces.py", add_a_statement) == {"filter_traces"}


def test_an_edit_of_a_module_changes_the_scripts_that_import_it(scripts):
    assert changed(scripts, "skymake/markers.py", add_a_statement) >= {"reformat_traces", "write_corpus"}


def test_an_edit_of_a_module_behind_a_module_counts(scripts):
    assert "skymake.processes" not in (scripts / "train_student.py").read_text()
    assert "train_student" in changed(scripts, "skymake/processes.py", add_a_statement)


def test_a_sub_package_counts_as_a_whole_with_its_templates(scripts):
    parts = {path.relative_to(scripts).as_posix() for path in (scripts / "skymake/report").iterdir() if path.is_file()}
    assert parts <= modules("render_report")
    template = next(part for part in sorted(parts) if not part.endswith(".py"))
    assert changed(scripts, template, lambda text: text + " ") == {"render_report"}


@pytest.mark.parametrize(
    "name", [".DS_Store", ".page.py.swp", ".idea/workspace.xml", "page.py~", "__pycache__/page.pyc"]
)
def test_what_desktops_and_editors_leave_in_a_sub_package_is_no_part_of_it(scripts, name):
    before = code.digest("render_report")
    path = scripts / "skymake/report" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"\0\xff")
    forget()
    assert code.digest("render_report") == before


@pytest.mark.slow
@pytest.mark.parametrize("module", ["grading/notation.py", "grading/__init__.py", "sandbox/zygote.py"])
def test_an_edit_of_the_grader_asks_no_model_again(scripts, module):
    again = changed(scripts, f"skymake/{module}", add_a_statement)
    assert "grade_traces" in again
    assert not again & {"sample_traces", "train_student", "build_problems", "build_mixture"}


def test_sampling_does_not_hang_on_the_grader_at_all():
    assert not [part for part in modules("sample_traces") if part.startswith(("skymake/grading/", "skymake/sandbox/"))]


def test_a_module_may_be_imported_in_every_way(scripts):
    ways = {
        "a": "import skymake.markers",
        "b": "from skymake import markers",
        "c": "from skymake.markers import join",
        "d": "def later():\n    from skymake import markers",
    }
    for name, text in ways.items():
        (scripts / f"{name}.py").write_text(text)
        assert "skymake/markers.py" in modules(name), text


def test_the_library_must_be_the_one_of_the_workflow(tmp_path):
    code.check_clone(str(code.SCRIPTS.parent))
    with pytest.raises(UserError, match="pip install -e"):
        code.check_clone(str(tmp_path))
