"""The built nano student, released: it loads where it is to be used, its card is the build's, and publishing is dry.

That it serves in vLLM is what its score says: every answer that was graded came from there.
"""

import json
import subprocess
from pathlib import Path

import pytest
from huggingface_hub import DatasetCard, ModelCard

from skymake import environments, markers, publishing, records
from skymake.mixtures import Row

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

LOAD = r"""
import json, sys
from transformers import AutoModelForCausalLM, AutoTokenizer

folder, system, question = sys.argv[1:]
model, loading = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
tokenizer = AutoTokenizer.from_pretrained(folder)
chat = [{"role": "system", "content": system}, {"role": "user", "content": question}]
asked = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
answer = model.generate(**asked, do_sample=False, max_new_tokens=200)[0][asked["input_ids"].shape[1] :]
print(json.dumps({name: list(keys) for name, keys in loading.items()} | {"answer": tokenizer.decode(answer)}))
"""


@pytest.fixture
def student(build) -> Path:
    return build.results / "checkpoints" / "student"


def test_the_checkpoint_loads_in_transformers_and_answers_in_markers(build, student):
    row = next(records.read(build.results / "mixtures" / "student" / "train.jsonl", Row))
    tools = environments.load(build.results / "environments" / "train.json")
    command = [tools.python, "-c", LOAD, str(student), row.system, row.conversations[0].value]
    done = subprocess.run(command, env=environments.variables(tools), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert not said["missing_keys"] and not said["unexpected_keys"] and not said["mismatched_keys"]
    assert said["answer"].endswith("<|im_end|>")  # it knows where to stop
    assert markers.parse(said["answer"].removesuffix("<|im_end|>"))


def test_the_cards_say_what_was_measured(build, student):
    card = ModelCard((student / "README.md").read_text())
    measured = {score["benchmark"]: round(100 * score["accuracy"]["value"], 2) for score in build.scores("student")}
    assert {result.dataset_name: result.metric_value for result in card.data.eval_results} == measured
    data = DatasetCard((build.results / "mixtures" / "student" / "README.md").read_text())
    rows = sum(1 for _ in records.read(build.results / "mixtures" / "student" / "train.jsonl", Row))
    assert f"{rows} answers of `teacher`" in data.text


def test_publishing_says_what_it_would_do_and_does_nothing(build, student):
    said = build.snakemake("publish")
    for name in ("model.safetensors", *publishing.MODEL_FILES, *publishing.DATASET_FILES):
        assert f"  {name} " in said
    assert "private model repository https://huggingface.co/your-name/nano-student" in said
    assert "nothing was uploaded" in said and "uploading to" not in said
