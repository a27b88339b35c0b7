"""Stands in for vLLM and LLaMA-Factory where jobs are killed: it takes its time, and notes what it was asked to do.

A folder whose `bin/python` runs this file is an environment that a config can name; see `install`. What was done
stands in `asked.log`, one line a request, and in `steps.log`, one line a training step.
"""

import json
import re
import shutil
import sys
import time
from argparse import ArgumentParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from os import environ
from pathlib import Path

CONFIG = {
    "model_type": "qwen2",
    "vocab_size": 64,
    "hidden_size": 8,
    "intermediate_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
    "tie_word_embeddings": True,
}
ANSWER_S, STEP_S, STEPS = 1.5, 1.0, 12


def install(folder: Path) -> None:
    """Make `folder` an environment whose Python is this file."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).resolve()} {folder} "$@"\n')
    python.chmod(0o755)


def pause(seconds: float) -> None:
    """Take some time, and all the time while there is a file `hold`."""
    time.sleep(seconds)
    while (FOLDER / "hold").exists():
        time.sleep(0.2)


def note(name: str, line: str) -> None:
    """Append a line to a log of the environment; appends of one line do not mix."""
    with open(FOLDER / name, "a") as log:
        log.write(f"{line}\n")


def initialise(settings: str) -> None:
    """A model folder without a model: `-m skymake.nano.model SETTINGS.json`."""
    folder = Path(json.loads(Path(settings).read_text())["folder"])
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")


def measure(train: str, base: str, template: str, out: str) -> None:
    """A token for every row: `-m skymake.trainer.lengths TRAIN BASE TEMPLATE OUT`."""
    Path(out).write_text(json.dumps({"lengths": [1] * len(Path(train).read_text().splitlines()), "ending": ""}))


def train(settings: str, watch: str) -> None:
    """STEPS steps from the last checkpoint on: `-m skymake.trainer SETTINGS.yaml WATCH.json`."""
    said = dict(re.findall(r"^(\w+): (.*)$", Path(settings).read_text(), re.MULTILINE))
    output, every = Path(said["output_dir"]), int(said["save_steps"])
    done = max((int(path.name.split("-")[1]) for path in output.glob("checkpoint-*")), default=0)
    output.mkdir(parents=True, exist_ok=True)
    for step in range(done + 1, STEPS + 1):
        pause(STEP_S)
        note("steps.log", str(step))
        with open(output / "trainer_log.jsonl", "a") as log:
            log.write(json.dumps({"current_steps": step, "total_steps": STEPS, "loss": 1.0}) + "\n")
        if step % every == 0:
            (output / f"checkpoint-{step}").mkdir()
            (output / f"checkpoint-{step}" / "complete").touch()
    for name in ("config.json", "model.safetensors"):
        shutil.copyfile(Path(said["model_name_or_path"]) / name, output / name)
    logged = {"step": STEPS, "epoch": 1.0, "loss": 1.0, "learning_rate": 0.0}
    state = {"global_step": STEPS, "max_steps": STEPS, "log_history": [logged]}
    (output / "trainer_state.json").write_text(json.dumps(state))


class Answers(BaseHTTPRequestHandler):
    """The right answer to every question of the project, ANSWER_S seconds after it was asked."""

    protocol_version = "HTTP/1.1"
    model = ""
    known: dict[str, str] = {}  # noqa: RUF012

    def do_GET(self) -> None:
        self._send({"object": "list", "data": [{"id": self.model, "object": "model"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        question = body["messages"][-1]["content"]
        answer = next(answer for known, answer in self.known.items() if known in question)
        note("asked.log", json.dumps([self.model, question]))
        pause(ANSWER_S)
        message = {"role": "assistant", "content": f"so it adds up\nso \\boxed{{{answer}}}"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 7, "completion_tokens": 11, "total_tokens": 18}
        self._send({"id": "1", "object": "chat.completion", "model": self.model, "choices": [choice], "usage": usage})

    def _send(self, said: dict) -> None:
        allowed = self.headers["Authorization"] == f"Bearer {environ['VLLM_API_KEY']}"
        content = json.dumps(said).encode()
        self.send_response(200 if allowed else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def serve(*arguments: str) -> None:
    """`-m vllm.entrypoints.openai.api_server --model FOLDER ...`; the project's results are above FOLDER."""
    parser = ArgumentParser()
    for name in ("--model", "--served-model-name", "--port"):
        parser.add_argument(name)
    chosen, _ = parser.parse_known_args(arguments)
    Answers.model = chosen.served_model_name
    for path in Path(chosen.model).parents[1].glob("problems/*/*.jsonl"):
        problems = map(json.loads, path.read_text().splitlines())
        Answers.known |= {problem["question"]: problem["check"]["answer"] for problem in problems}
    ThreadingHTTPServer(("127.0.0.1", int(chosen.port)), Answers).serve_forever()


MODULES = {
    "skymake.nano.model": initialise,
    "skymake.trainer.lengths": measure,
    "skymake.trainer": train,
    "vllm.entrypoints.openai.api_server": serve,
}

if __name__ == "__main__":
    FOLDER = Path(sys.argv[1])
    MODULES[sys.argv[3]](*sys.argv[4:])  # FOLDER -m MODULE ...
