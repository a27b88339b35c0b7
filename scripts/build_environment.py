"""Rule build_environment: the environment of a heavy tool, built here or named by the site."""

import logging
from pathlib import Path

from skymake import UserError, environments, records, rule


def build_environment(requirements: str, environment: str, site: str, torch_index: str) -> None:
    """Write a small file that names the environment.

    site: `build`, or the folder of an environment that the site provides.
    """
    if site == "build":
        built = environments.build(Path(requirements), torch_index)
    else:
        python = Path(site).expanduser() / "bin" / "python"
        if not python.exists():
            raise UserError(f"the config names {site} as an environment, but there is no {python}")
        built = environments.Environment(str(python), digest=str(python.resolve()), packages=[])
    logging.info("%s", built.python)
    records.write_json(environment, built)


if __name__ == "__main__":
    rule.run(build_environment, snakemake)
