"""How long the rows of a mixture are, in the tokens that LLaMA-Factory will make of them.

`python -m skymake.trainer.lengths MIXTURE MODEL TEMPLATE OUT.json` writes {"lengths": tokens of each row, "ending": the
text of the tokens that end an answer}.
"""

import json
import sys
from pathlib import Path

from llamafactory.data.template import TEMPLATES
from transformers import AutoTokenizer

from skymake.trainer import templates


def main(mixture: str, model: str, template: str, out: str) -> None:
    """Measure all rows. Ends with a message when there is no such template."""
    templates.register()
    if template not in TEMPLATES:
        sys.exit(f"Template {template} does not exist; there are {', '.join(sorted(TEMPLATES))}")
    chosen, tokenizer = TEMPLATES[template], AutoTokenizer.from_pretrained(model)
    chosen.fix_special_tokens(tokenizer)
    lengths = []
    with open(mixture, encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            answers = [[row[name]] for name in ("chosen", "rejected") if name in row] or [[]]
            lengths.append(max(length(chosen, tokenizer, row["conversations"] + answer, row) for answer in answers))
    ending = "".join(map(str, chosen.format_assistant.apply(content="")))
    Path(out).write_text(json.dumps({"lengths": lengths, "ending": ending}))


def length(template, tokenizer, turns: list[dict], row: dict) -> int:
    """Tokens of a conversation."""
    named = [{"role": turn["from"], "content": turn["value"]} for turn in turns]
    pairs = template.encode_multiturn(tokenizer, named, row["system"])
    return sum(len(question) + len(answer) for question, answer in pairs)


if __name__ == "__main__":
    main(*sys.argv[1:])
