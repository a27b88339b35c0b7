"""Which code decides an artifact: a digest of a rule's script and of the library modules that it imports, transitively.

Snakemake sees an edit of a script but not of the modules behind it, and takes a comment for a change. The digest covers
both: it is taken of the parsed source, without comments, blank lines and docstrings, so that only an edit of the
program changes it.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

from skymake import UserError

LIBRARY = Path(__file__).parent
SCRIPTS = LIBRARY.parent


def digest(script: str) -> str:
    """SHA-256 of the code behind `scripts/<script>.py`, comments and docstrings aside."""
    total = hashlib.sha256()
    for path in sources(SCRIPTS / f"{script}.py"):
        total.update(f"{path.relative_to(SCRIPTS)}\0{_program(path)}\0".encode())
    return total.hexdigest()


def programs() -> dict[str, str]:
    """The digest of the code behind each rule."""
    return {path.stem: digest(path.stem) for path in sorted(SCRIPTS.glob("*.py"))}


def check_clone(folder: str) -> None:
    """UserError when the installed library is not the one of the workflow in `folder`: jobs would run other code."""
    if Path(folder).resolve() != SCRIPTS.parent.resolve():
        raise UserError(f"the installed skymake belongs to {SCRIPTS.parent}: run `pip install -e .` in {folder}")


@cache
def sources(script: Path) -> tuple[Path, ...]:
    """`script` and every file of the library it needs, sorted. A sub-package counts as a whole, templates included."""
    found, waiting = {script}, [script]
    while waiting:
        for path in _imported(waiting.pop()):
            if path not in found:
                found.add(path)
                waiting.append(path)
    return tuple(sorted(found))


@cache
def _imported(path: Path) -> frozenset[Path]:
    if path.suffix != ".py":
        return frozenset()
    names = set()
    for node in ast.walk(ast.parse(path.read_bytes(), path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative imports are not followed"
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(file for name in names if name.split(".")[0] == "skymake" for file in _files(name))


def _files(module: str) -> list[Path]:
    """The files of a module of the library; none when the name is an attribute of a module."""
    path = SCRIPTS.joinpath(*module.split("."))
    if path == LIBRARY:
        return [LIBRARY / "__init__.py"]
    if path.is_dir():
        return [file for file in path.rglob("*") if file.is_file() and not _is_left_there(file.relative_to(path))]
    return [path.with_suffix(".py")] if path.with_suffix(".py").is_file() else []


def _is_left_there(path: Path) -> bool:
    """Whether a file is no part of a package: Python, editors and desktops leave theirs beside those that are."""
    return "__pycache__" in path.parts or any(part.startswith(".") for part in path.parts) or path.name.endswith("~")


@cache
def _program(path: Path) -> str:
    """The program in a file: its source as `ast` prints it, docstrings removed; other files as they are."""
    if path.suffix != ".py":
        return path.read_text(encoding="utf-8")
    tree = ast.parse(path.read_bytes(), path)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
            node, clean=False
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)
