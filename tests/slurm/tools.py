"""Stands in for vLLM and LLaMA-Factory where jobs are killed: it takes its time, and notes what it was asked to do.

A folder with `bin/python` and `bin/llamafactory-cli` that run this file is an environment a config can name; see
`install`. What was done stands in `asked.log`, one line a request, and in `steps.log`, one line a training step.
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

ANSWER_S, STEP_S, STEPS = 1.5, 1.0, 12


def install(folder: Path) -> None:
    """Make `folder` an environment whose tools are this file."""
    (folder / "bin").mkdir(parents=True)
    for tool in ("python", "llamafactory-cli"):
        path = folder / "bin" / tool
        path.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).resolve()} {folder} "$@"\n')
        path.chmod(0o755)


def pause(seconds: float) -> None:
    """Take some time, and all the time while there is a file `hold`."""
    time.sleep(seconds)
    while (FOLDER / "hold").exists():
        time.sleep(0.2)


def note(name: str, line: str) -> None:
    """Append a line to a log of the environment; appends of one line do not mix."""
    with open(FOLDER / name, "a") as log:
        log.write(f"{line}\n")


def initialise(settings: Path) -> None:
    """A model folder without a model: `python -m skymake.nano.model SETTINGS.json`."""
    folder = Path(json.loads(settings.read_text())["folder"])
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")


def train(settings: Path) -> None:
    """STEPS steps from the last checkpoint on: `llamafactory-cli train SETTINGS.yaml`."""
    said = dict(re.findall(r"^(\w+): (.*)$", settings.read_text(), re.MULTILINE))
    output, every = Path(said["output_dir"]), int(said["save_steps"])
    rows = len((Path(said["dataset_dir"]) / "train.jsonl").read_text().splitlines())
    print(f"Num examples = {rows}", flush=True)
    done = max((int(path.name.split("-")[1]) for path in output.glob("checkpoint-*")), default=0)
    output.mkdir(parents=True, exist_ok=True)
    for step in range(done + 1, STEPS + 1):
        pause(STEP_S)
        note("steps.log", str(step))
        with open(output / "trainer_log.jsonl", "a") as log:
            log.write(json.dumps({"current_steps": step, "total_steps": STEPS, "loss": 1.0}) + "\n")
        if step % every == 0:
            (output / f"checkpoint-{step}").mkdir()
            (output / f"checkpoint-{step}" / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    for path in Path(said["model_name_or_path"]).glob("*.*"):
        if path.name != "manifest.json":
            shutil.copyfile(path, output / path.name)


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


def serve(arguments: list[str]) -> None:
    """`python -m vllm.entrypoints.openai.api_server --model FOLDER ...`; the project's results are above FOLDER."""
    parser = ArgumentParser()
    for name in ("--model", "--served-model-name", "--port"):
        parser.add_argument(name)
    chosen, _ = parser.parse_known_args(arguments)
    Answers.model = chosen.served_model_name
    for path in Path(chosen.model).parents[1].glob("problems/*/*.jsonl"):
        problems = map(json.loads, path.read_text().splitlines())
        Answers.known |= {problem["question"]: problem["check"]["answer"] for problem in problems}
    ThreadingHTTPServer(("127.0.0.1", int(chosen.port)), Answers).serve_forever()


if __name__ == "__main__":
    FOLDER, rest = Path(sys.argv[1]), sys.argv[2:]
    if rest[0] == "train":
        train(Path(rest[1]))
    elif rest[1] == "skymake.nano.model":
        initialise(Path(rest[2]))
    else:
        serve(rest[2:])
