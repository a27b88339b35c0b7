"""The executor `skymake-slurm`: snakemake-executor-plugin-slurm, with two things it lacks.

It does not start while jobs of an earlier run are in the queue, and it never waits longer than it was told between two
looks at the queue (the plugin's own waits grow to three minutes). Everything else, its settings included, is the
plugin's.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import snakemake_executor_plugin_slurm as slurm
from snakemake.exceptions import WorkflowError
from snakemake_executor_plugin_slurm import common_settings
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

from skymake import UserError, orphans

__all__ = ["Executor", "ExecutorSettings", "common_settings"]


@dataclass
class ExecutorSettings(slurm.ExecutorSettings):
    """Those of the plugin, and two."""

    cancel_orphans: bool = field(
        default=False,
        metadata={
            "help": "Cancel the jobs of an earlier run that are still in the queue, instead of refusing to start"
        },
    )
    longest_poll: int = field(
        default=30,
        metadata={"help": "Most seconds between two looks at the queue"},
    )


class Executor(slurm.Executor):
    """Submits jobs and watches them."""

    def __init__(self, workflow, logger) -> None:
        settings, project, folder = workflow.executor_settings, workflow.config["project"], Path(workflow.workdir_init)
        try:
            if settings.cancel_orphans:
                found = orphans.cancel(project, folder)
                logger.info(f"{len(found)} jobs of an earlier run cancelled\n{orphans.listed(found)}")
            orphans.refuse(project, folder)
        except UserError as error:
            raise WorkflowError(str(error)) from None
        settings.jobname_prefix = orphans.job_name(project)
        super().__init__(workflow, logger)

    async def check_active_jobs(self, active_jobs: list[SubmittedJobInfo]) -> AsyncIterator[SubmittedJobInfo]:
        async for job in super().check_active_jobs(active_jobs):
            yield job
        longest = self.workflow.executor_settings.longest_poll
        self.next_seconds_between_status_checks = min(self.next_seconds_between_status_checks, longest)
