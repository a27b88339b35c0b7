"""A real Slurm on one host: munge, accounting, a controller, one CPU node and two nodes that claim eight GPUs each.

    python tests/slurm/cluster.py start /tmp/slurm      install what is missing, start, and say what is there
    python tests/slurm/cluster.py stop /tmp/slurm

For tests, as root, on Debian or Ubuntu; no systemd. The folder holds all state; /etc/slurm gets links into it, because
a job step keeps no SLURM_CONF. The nodes are larger than the machine and their GPUs are /dev/null: Slurm schedules
them like real ones, but confines nothing. A host that has a Slurm of its own is refused.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import string
import subprocess
import sys
import time
from pathlib import Path

PACKAGES = ["slurm-wlm", "slurmdbd", "mariadb-server", "munge"]
PROGRAMS = ["slurmctld", "slurmd", "slurmdbd", "mariadbd", "munged", "sbatch", "sacct"]
NODES = {"cpu1": 17001, "gpu1": 17002, "gpu2": 17003}  # name -> port
ETC = Path("/etc/slurm")
HERE = Path(__file__).parent
START_S, STOP_S = 180, 20


class Unavailable(Exception):
    """Why there can be no test Slurm on this machine."""


def install() -> None:
    """Install Debian's packages where they are missing. Raises Unavailable where that cannot be."""
    if os.geteuid():
        raise Unavailable("starting a Slurm needs root")
    if (ETC / "slurm.conf").exists() and not (ETC / "slurm.conf").is_symlink():
        raise Unavailable("this host has a Slurm of its own")
    if all(map(shutil.which, PROGRAMS)):
        return
    if not shutil.which("apt-get"):
        raise Unavailable("Slurm is not installed, and there is no apt-get to install it")
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *PACKAGES]):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(["apt-get", "--quiet", *arguments], env=quiet, capture_output=True, text=True)
        if done.returncode:
            raise Unavailable(f"apt-get {arguments[0]} failed: {done.stderr[-500:]}")


class Cluster:
    """The daemons whose state is in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    def start(self) -> None:
        """Start all daemons, and return when every node is ready for jobs."""
        install()
        if (ETC / "slurm.conf").is_symlink():  # one that nobody stopped
            Cluster((ETC / "slurm.conf").readlink().parent).stop()
        for name in ("state", "dev", "logs", "pids", *(f"spool/{node}" for node in NODES)):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._configure()
        self._start_munge()
        self._start_accounting()
        self.daemon("slurmctld", "slurmctld", "-D", "-i")
        wait("slurmctld", ["scontrol", "ping"], lambda said: " is UP" in said)
        for node in NODES:
            self.start_node(node)
        wait("the nodes", ["sinfo", "-h", "-t", "idle", "-o", "%D"], lambda said: sum(map(int, said.split())) == 3)

    def stop(self) -> None:
        """Stop all daemons, last started first."""
        pids = sorted((self.folder / "pids").glob("*"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in pids:
            self.end(path.name)
        for path in ETC.glob("*.conf"):
            if path.is_symlink() and path.readlink().parent == self.folder:
                path.unlink()

    def start_node(self, name: str) -> None:
        """Start the daemon of a node."""
        self.daemon(name, "slurmd", "-D", "-N", name)

    def daemon(self, name: str, *command: str, **variables: str) -> None:
        """Start a daemon, its output in logs/, its process in pids/."""
        noted = self.folder / "pids" / name
        with open(self.folder / "logs" / f"{name}.out", "a") as out:
            subprocess.Popen(
                [sys.executable, HERE / "reaper.py", noted, *command],
                env={**os.environ, **variables},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        wait(name, ["test", "-e", str(noted)])

    def end(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        """Send a daemon a signal, and wait until it is gone."""
        path = self.folder / "pids" / name
        pid = int(path.read_text())
        deadline = time.monotonic() + STOP_S
        while is_running(pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, how if time.monotonic() < deadline else signal.SIGKILL)
            time.sleep(0.2)
        path.unlink()

    def _configure(self) -> None:
        values = {"folder": self.folder, "host": socket.gethostname().split(".")[0]}
        for template in HERE.glob("*.conf"):
            written = self.folder / template.name
            written.write_text(string.Template(template.read_text()).substitute(values))
            written.chmod(0o600 if template.name == "slurmdbd.conf" else 0o644)  # what slurmdbd insists on
            (ETC / template.name).unlink(missing_ok=True)
            (ETC / template.name).symlink_to(written)
        for number in range(8):
            device = self.folder / "dev" / f"nvidia{number}"
            if not device.exists():
                os.mknod(device, 0o666 | 0o020000, os.makedev(1, 3))  # another /dev/null

    def _start_munge(self) -> None:
        key = self.folder / "munge.key"
        if not key.exists():
            key.touch(mode=0o400)
            key.write_bytes(os.urandom(1024))
        Path("/run/munge").mkdir(exist_ok=True)
        place = [f"--key-file={key}", f"--seed-file={self.folder}/seed", f"--log-file={self.folder}/logs/munged.log"]
        place += [f"--pid-file={self.folder}/state/munged.pid", "--socket=/run/munge/munge.socket.2"]
        self.daemon("munged", "munged", "--foreground", "--force", *place)  # force: whoever owns the folder
        wait("munged", ["munge", "--no-input"])

    def _start_accounting(self) -> None:
        data, socket_ = self.folder / "mysql", self.folder / "state" / "mysql.sock"
        if not data.exists():
            made = ["mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={data}", "--skip-test-db"]
            subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
        options = ["--no-defaults", "--user=root", f"--datadir={data}", f"--socket={socket_}", "--skip-networking"]
        self.daemon("mariadbd", "mariadbd", *options, "--innodb-lock-wait-timeout=900", "--innodb-buffer-pool-size=64M")
        client = ["mariadb", "--no-defaults", f"--socket={socket_}", "--execute"]
        wait("mariadbd", [*client, "create database if not exists slurm_acct_db"])
        self.daemon("slurmdbd", "slurmdbd", "-D", MYSQL_UNIX_PORT=str(socket_))
        wait("slurmdbd", ["sacctmgr", "--noheader", "list", "cluster"])
        for entity in (["cluster", "lab"], ["account", "sky", "Cluster=lab"], ["user", "root", "Account=sky"]):
            subprocess.run(["sacctmgr", "--immediate", "add", *entity], stdout=subprocess.DEVNULL)  # may be there


def wait(what: str, command: list[str], ready=lambda said: True) -> None:
    """Wait until a command succeeds and says what is waited for."""
    deadline = time.monotonic() + START_S
    while True:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode == 0 and ready(done.stdout):
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not start in {START_S} s: {done.stdout[-500:]}{done.stderr[-500:]}")
        time.sleep(0.2)


def is_running(pid: int) -> bool:
    """Whether a process is there, one of our programs, and no zombie."""
    try:
        name, state = re.search(r"\((.*)\) (.)", Path(f"/proc/{pid}/stat").read_text()).groups()
    except FileNotFoundError:
        return False
    return name in PROGRAMS and state != "Z"


if __name__ == "__main__":
    action, folder = sys.argv[1:]
    cluster = Cluster(Path(folder))
    {"start": cluster.start, "stop": cluster.stop}[action]()
    if action == "start":
        subprocess.run(["sinfo", "-N", "-o", "%N %P %c %m %G %T"], check=True)
