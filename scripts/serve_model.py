"""Rule serve_model: a vLLM server for one model, there as long as its clients need it."""

import os
from pathlib import Path

import msgspec

from skymake import UserError, engines, environments, ledgers, processes, records, rule, weights


def serve_model(
    environment: str, manifest: str, engine: str, server: str, model: str, serving: str, store: str
) -> None:
    """Start a server, write its address to `engine` at once, and stay until Snakemake ends the service.

    server: the log for its output. serving: an entry of `engines`, in JSON. store: where its time is noted.

    Raises UserError with the end of its log when the server ends by itself.
    """
    folder, served = weights.load(manifest)
    wanted, log = msgspec.json.decode(serving, type=engines.Serving), Path(server)
    with engines.serving(environments.load(environment), folder, model, wanted, log) as (process, address):
        usual = os.umask(0o077)  # the address holds the server's token
        records.write_json(engine, address)
        os.umask(usual)
        code = ledgers.Account(store, model, served.digest, wanted.gpus).follow(process)
    raise UserError(
        f"the server of {model} ended by itself (exit code {code}); the end of {log}:\n{processes.tail(log)}"
    )


if __name__ == "__main__":
    rule.serve(serve_model)
