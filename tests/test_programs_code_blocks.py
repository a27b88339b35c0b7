"""Finding the program in a text: fences of all kinds, several blocks, none."""

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skymake.grading.code_blocks import MOST_BLOCKS, blocks, last_program, programs

PROGRAM = "n = int(input())\nprint(n)\n"


@pytest.mark.parametrize(
    "text",
    [
        f"```python\n{PROGRAM}```",
        f"```\n{PROGRAM}```",
        f"```Python3\n{PROGRAM}```\n",
        f'``` python title="a.py"\n{PROGRAM}```',
        f"```{{.python}}\n{PROGRAM}```",
        f"~~~py\n{PROGRAM}~~~",
        f"````python\n{PROGRAM}````",
        f"```python\r\n{PROGRAM}```\r\n".replace("\n", "\r\n").replace("\r\r", "\r"),
        f"Here:\n```python\n{PROGRAM}```\nIt prints\n```\n5\n```\n",
        f"Here:\n```python\n{PROGRAM}```\nIt prints\n```text\nprint\n```\n",
        f"First a wrong one\n```python\nprint(0)\n```\nThen\n```python\n{PROGRAM}```",
        f"```python\n{PROGRAM}",
        f"1. So\n   ```python\n{textwrap.indent(PROGRAM, '   ')}   ```\n",
        f"> ```python\n{textwrap.indent(PROGRAM, '> ')}> ```\n",
        f"<think>\n```python\nprint(0)\n```\n</think>\n```python\n{PROGRAM}```",
        f"```python\n{PROGRAM}```\n```python\n```\n",
    ],
)
def test_the_program_is_found(text):
    assert programs(text, None)[0] == PROGRAM


@pytest.mark.parametrize(
    "text", ["", "no code", "`print(1)`", "```", "```python\n```", "<think>\n```\nprint(1)\n```", "``` `x` ```"]
)
def test_there_is_none(text):
    assert programs(text, None) == []


FUNCTION = "def add(a, b):\n    return a + b\n"
METHOD = "class Solution:\n    def add(self, a, b):\n        return a + b\n"


@pytest.mark.parametrize("program", [FUNCTION, METHOD, "add = lambda a, b: a + b\n", "async def add():\n    pass\n"])
def test_a_block_that_defines_the_function_is_preferred(program):
    text = f"```python\n{program}```\nUse it:\n```python\nprint(add(1, 2))\n```\n```python\nadded = 3\n```"
    assert programs(text, "add")[0] == program


def test_all_blocks_are_kept_last_first():
    text = "```cpp\nint a;\n```\n```python\nprint(1)\n```\n```python\nx = 2\n```\n```python\nprint(3)\n```\n"
    assert programs(text, None) == ["print(3)\n", "print(1)\n", "x = 2\n", "int a;\n"]


def test_the_last_block_whatever_it_is():
    assert last_program("```python\nprint(1)\n```\n```text\nout\n```\n") == ["out\n"]
    assert last_program("none") == []


def test_a_longer_fence_holds_a_shorter_one():
    (block,) = blocks("````markdown\n```python\nprint(1)\n```\n````\n")
    assert block == ("markdown", "```python\nprint(1)\n```\n")


def test_backquotes_in_a_program_do_not_end_it():
    code = 'print("""\n``` not alone\n""")\n'
    assert programs(f"```python\n{code}```", None) == [code]


CODE = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="`~\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029>"))
).map(lambda lines: textwrap.dedent("\n".join(["print(0)", *lines])))
PROSE = st.text(st.characters(codec="utf-8", exclude_characters="`~<|")).map(lambda text: text.replace("\r", ""))


@given(PROSE, CODE, PROSE)
def test_any_code_between_any_prose(before, code, after):
    assert programs(f"{before}\n```python\n{code}\n```\n{after}", None) == [code + "\n"]


@given(st.text(st.sampled_from("`~ \n>pyx<think/>|"), max_size=300), st.sampled_from([None, "add"]))
def test_no_text_is_beyond_it(text, entry):
    assert all(source.strip() for source in programs(text, entry))


def test_long_texts_are_no_trouble():
    assert len(programs("`" * 200_000 + "\n" * 200_000 + "~" * 200_000, None)) == 1
    assert len(programs("```python\nprint(1)\n```\n" * 20_000, None)) == MOST_BLOCKS
