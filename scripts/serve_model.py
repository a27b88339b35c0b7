"""Rule serve_model: a vLLM server for one model, there as long as its clients need it."""

import os
from pathlib import Path
from typing import Any

import msgspec

from skymake import UserError, engines, environments, processes, records, rule, weights


def serve_model(environment: str, manifest: str, engine: str, server: str, model: str, serving: dict[str, Any]) -> None:
    """Start a server, write its address to `engine` at once, and stay until Snakemake ends the service.

    server: the log for its output.

    Raises UserError with the end of its log when the server ends by itself.
    """
    folder, _ = weights.load(manifest)
    wanted, log = msgspec.convert(serving, engines.Serving), Path(server)
    with engines.serving(environments.load(environment), folder, model, wanted, log) as (process, address):
        records.write_json(engine, address)
        os.chmod(engine, 0o600)
        code = process.wait()
    raise UserError(
        f"the server of {model} ended by itself (exit code {code}); the end of {log}:\n{processes.tail(log)}"
    )


if __name__ == "__main__":
    rule.run(serve_model, snakemake)
