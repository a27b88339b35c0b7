"""Tokens per second of the workflow's sampling, beside bare clients and the engine's own benchmark, on one vLLM server.

    python tests/benchmarks/throughput.py RESULTS MODEL      such as results/nano base

Not a test: run it on a machine that is idle. The server is started as the workflow starts it. All ask the same
questions with the same sampling and as many at once; rounds alternate and medians are shown. The sampling is the whole
rule: it reads problems, renders prompts, looks into the store, asks, stores every answer, and writes the traces.
"""

import asyncio
import itertools
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp
import msgspec
import openai

from sample_traces import sample_traces
from skymake import engines, environments, prompts, records, weights
from skymake.builds import Build
from skymake.client import Client
from skymake.endpoint import Address, described
from skymake.records import Problem, Trace
from skymake.store import Request, requests

ROUNDS, PROBLEMS, TOKENS = 3, 256, 200
SAMPLING = {"temperature": 0.7, "top_p": 1.0, "max_tokens": TOKENS, "ignore_eos": True, "samples": 1, "seed": 0}


class Bench:
    """One server, and what is asked of it. Every way to ask gives the seconds that all answers took together."""

    def __init__(self, build: Build, model: str, address: Address, folder: Path) -> None:
        self.address, self.folder, self.project = address, folder, build.project
        self.model, self.manifest = model, str(build.path(self.project.weights(model)))
        self.endpoint = self.project.endpoint(model)
        self.concurrency = self.endpoint["concurrency"]
        name = self.project.config["evaluation"]["benchmarks"][0]
        asked = self.project.prompt(name), self.project.system(model)
        self.prompt, self.system = (str(build.path(path)) for path in asked)
        kinds = self.project.files("problems/{set}/0.jsonl", set=[name])
        found = itertools.cycle([*records.read_all(map(build.path, kinds), Problem)])
        problems = [different(problem, number) for number, problem in zip(range(PROBLEMS), found, strict=False)]
        records.write(folder / "problems.jsonl", problems)
        records.write_json(folder / "engine.json", address)
        messages = [prompts.messages(self.prompt, self.system, problem) for problem in problems]
        self.requests = [request for asked in messages for request in requests("", asked, SAMPLING)]

    def workflow(self) -> float:
        """The rule, with an empty store."""
        with tempfile.TemporaryDirectory() as store:
            started = time.monotonic()
            files = {name: str(self.folder / f"{name}.jsonl") for name in ("problems", "traces", "failures")}
            sample_traces(
                engine=str(self.folder / "engine.json"),
                weights=self.manifest,
                prompt=self.prompt,
                system=self.system,
                model=self.model,
                identity="",
                set="s",
                sampling=SAMPLING,
                endpoint=self.endpoint,
                store=store,
                failure_share=0.0,
                plan="",
                **files,
            )
            seconds = time.monotonic() - started
        assert all(trace.completion_tokens == TOKENS for trace in records.read(files["traces"], Trace))
        return seconds

    def openai_library(self) -> float:
        """The same library driven bare: no pace, no retries, no checks, and the answers thrown away."""

        async def ask(client: openai.AsyncOpenAI, request: Request) -> None:
            answer = await client.chat.completions.create(
                model=self.model, messages=request.messages, extra_body={"seed": request.seed, **request.parameters}
            )
            assert answer.usage.completion_tokens == TOKENS

        async def run() -> None:
            async with openai.AsyncOpenAI(base_url=self.address.url, api_key=self.address.token) as client:
                await self._all(lambda request: ask(client, request))

        return timed(run)

    def bare_http(self) -> float:
        """An HTTP client that knows nothing of the API."""

        async def ask(session: aiohttp.ClientSession, request: Request) -> None:
            body = {"model": self.model, "messages": request.messages, "seed": request.seed, **request.parameters}
            async with session.post(f"{self.address.url}/chat/completions", json=body) as reply:
                assert (await reply.json())["usage"]["completion_tokens"] == TOKENS

        async def run() -> None:
            bearer = {"Authorization": f"Bearer {self.address.token}"}
            async with aiohttp.ClientSession(headers=bearer, connector=aiohttp.TCPConnector(limit=0)) as session:
                await self._all(lambda request: ask(session, request))

        return timed(run)

    async def _all(self, ask: Callable) -> None:
        queue = iter(self.requests)

        async def work() -> None:
            for request in queue:
                await ask(request)

        await asyncio.gather(*(work() for _ in range(self.concurrency)))

    def engines_own(self, environment: environments.Environment) -> float:
        """`vllm bench serve`, which streams, sends no system prompt, and does not count its own start."""
        data = self.folder / "prompts.json"  # ShareGPT's layout: it needs no library that the environment lacks
        turns = ([{"value": request.messages[-1]["content"]}, {"value": "?"}] for request in self.requests)
        records.write_json(data, [{"conversations": conversation} for conversation in turns])
        command = [environment.python, "-m", "vllm.entrypoints.cli.main", "bench", "serve", "--backend", "openai-chat"]
        command += ["--base-url", self.address.url.removesuffix("/v1"), "--endpoint", "/v1/chat/completions"]
        command += ["--model", self.model, "--tokenizer", str(Path(self.manifest).parent.resolve())]
        command += ["--dataset-name", "sharegpt", "--dataset-path", str(data)]
        command += ["--sharegpt-output-len", str(TOKENS), "--num-prompts", str(PROBLEMS), "--disable-shuffle"]
        command += ["--max-concurrency", str(self.concurrency), "--ignore-eos", "--temperature", "0.7"]
        variables = environments.variables(environment) | {"OPENAI_API_KEY": self.address.token, "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(command, env=variables, capture_output=True, text=True)
        found = re.search(r"Benchmark duration \(s\):\s+([\d.]+)", done.stdout)
        assert done.returncode == 0 and found, done.stdout[-2000:] + done.stderr[-4000:]
        return float(found[1])


def different(problem: Problem, number: int) -> Problem:
    """The problem as another one, so that no two requests are the same."""
    return msgspec.structs.replace(problem, id=f"{number}", question=f"{problem.question} {number}")


def timed(run: Callable) -> float:
    """Seconds that a coroutine takes."""
    started = time.monotonic()
    asyncio.run(run())
    return time.monotonic() - started


def main(results: str, model: str) -> None:
    """Start the server, ask in every way in turn, and print the medians."""
    build = Build(results)
    environment = environments.load(str(build.results / "environments" / "serve.json"))
    folder, _ = weights.load(str(build.path(build.project.weights(model))))
    wanted = msgspec.convert(build.project.serving(model), engines.Serving)
    with tempfile.TemporaryDirectory() as place:
        log = Path(place) / "vllm.log"
        with engines.serving(environment, folder, model, wanted, log) as (_, address):
            bench = Bench(build, model, address, Path(place))
            asyncio.run(healthy(bench))
            ways = {"workflow": bench.workflow, "openai library": bench.openai_library, "aiohttp": bench.bare_http}
            ways |= {"vllm bench serve": lambda: bench.engines_own(environment)}
            bench.bare_http()  # a server is slow at first
            rounds = [{name: told(name, way()) for name, way in ways.items()} for _ in range(ROUNDS)]
    report({name: [each[name] for each in rounds] for name in ways})


def told(name: str, seconds: float) -> float:
    """The seconds, shown as progress."""
    print(f"{name}: {seconds:.2f} s", file=sys.stderr, flush=True)
    return seconds


async def healthy(bench: Bench) -> None:
    """Wait until the server answers."""
    async with Client(described(bench.endpoint, bench.model), bench.address) as client:
        await client.ready()


def report(taken: dict[str, list[float]]) -> None:
    """Print tokens per second, and each way's share of the bare library's."""
    medians = {name: PROBLEMS * TOKENS / statistics.median(seconds) for name, seconds in taken.items()}
    print(f"{os.cpu_count()} cores; {PROBLEMS} answers of {TOKENS} tokens; medians of {ROUNDS} rounds")
    for name, speed in medians.items():
        rounds = " ".join(f"{second:.1f}" for second in taken[name])
        print(f"{name:18} {speed:8.0f} tokens/s  {speed / medians['openai library']:6.1%} of the library  ({rounds} s)")


if __name__ == "__main__":
    main(*sys.argv[1:])
