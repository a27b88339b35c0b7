"""Chat templates that LLaMA-Factory lacks."""

from llamafactory.data.formatter import StringFormatter
from llamafactory.data.template import TEMPLATES, register_template

ENDING = "<|endoftext|>"


def register() -> None:
    """Add `qwen25`: ChatML whose answers end with <|endoftext|> and nothing after it.

    This is how Sky-T1-32B-Preview was trained, by a template of that name in its authors' fork of LLaMA-Factory.
    Upstream's `qwen` ends an answer with <|im_end|> and a line end instead.
    """
    register_template(
        name="qwen25",
        format_user=TEMPLATES["qwen"].format_user,
        format_system=TEMPLATES["qwen"].format_system,
        format_assistant=StringFormatter(slots=["{{content}}" + ENDING]),
        default_system=TEMPLATES["qwen"].default_system,
        stop_words=[ENDING],
        replace_eos=True,
    )
