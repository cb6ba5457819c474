"""A real Slurm cluster on this machine: munge, slurmctld and some slurmd, in one folder."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol",
            "sinfo")  # fmt: skip
PACKAGES = "munge slurmctld slurmd slurm-client"
PARTITION = "main"
LOST_AFTER = 15  # seconds after which a node that does not answer is down; Slurm allows no less
MEMORY = 20000  # MB of each node, more than jobs ask for and take

# Snakemake starts srun without SLURM_CONF; elsewhere it finds /etc/slurm/slurm.conf. The last lines
# play a slow disk: what a job has made is not seen until some seconds after its end.
SRUN = """\
#!/bin/sh
SLURM_CONF={root}/slurm.conf {srun} "$@"
code=$?
if [ -n "$LATE" ] && [ -d "$LATE" ]; then
  mv "$LATE" .late
  setsid sh -c 'sleep 5; mv .late "$LATE"' > /dev/null 2>&1 &
fi
exit $code
"""

# Virtual nodes have no cgroups; so memory is watched by Slurm itself, every second. Jobs are spread
# over the nodes (LLN), and all of them find a place on one node.
CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={root}/munge.socket
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool/%n
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory,CR_LLN
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=0,batch_sched_delay=0
AccountingStorageType=accounting_storage/none
ReturnToService=2
SlurmdParameters=config_overrides
MinJobAge=3600
KillWait=2
SlurmdTimeout={lost_after}
JobRequeue=0
"""


def missing() -> list[str]:
    """Programs of Slurm that are not installed."""
    return [name for name in PROGRAMS if _program(name) is None]


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _minutes(limit: str) -> int:
    """Slurm's [hours:]minutes:seconds."""
    hours, minutes, _ = f"0:{limit}".split(":")[-3:]
    return 60 * int(hours) + int(minutes)


def wait_until(
    condition: Callable, patience: float = 120, pause: float = 0.1, what: str = "",
    also: Callable = str,
):  # fmt: skip
    """Wait for something to be true; its value. `also` says more if it does not become true."""
    end = time.monotonic() + patience
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience} s in vain {what}\n{also()}")
        time.sleep(pause)
    return value


@dataclass
class SlurmJob:
    """One line of the queue; memory in MB, and the time limit in minutes."""

    id: str
    state: str
    node: str
    name: str
    memory: int
    minutes: int
    cpus: int


class Cluster:
    """Starts the daemons in a folder, and stops exactly those.

    Parameters
    ----------
    root : Path
        A new folder; its path must be short, for it holds a socket.
    nodes, cpus : int
        Number of nodes, and of CPUs of each; CPUs that the machine does not have are shared.
    lost_after : int
        Seconds after which a node that does not answer is down.
    """

    def __init__(self, root: Path, nodes: int = 3, cpus: int = 16, lost_after: int = LOST_AFTER):
        self.root = root
        self.nodes = [f"n{number + 1}" for number in range(nodes)]
        self.daemons: dict[str, subprocess.Popen] = {}
        port, *others = _free_ports(nodes + 1)
        host = socket.gethostname().split(".")[0]
        user = psutil.Process().username()
        for name in ("state", "log", "bin", *(f"spool/{node}" for node in self.nodes)):
            (root / name).mkdir(parents=True)
        lines = [CONF.format(host=host, port=port, user=user, root=root, lost_after=lost_after)]
        for node, its_port in zip(self.nodes, others, strict=True):
            lines.append(
                f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={its_port} "
                f"CPUs={cpus} CoresPerSocket={cpus} RealMemory={MEMORY} State=UNKNOWN\n"
            )
        lines.append(f"PartitionName={PARTITION} Nodes=ALL Default=YES MaxTime=1-0 State=UP\n")
        (root / "slurm.conf").write_text("".join(lines))
        srun = root / "bin" / "srun"
        srun.write_text(SRUN.format(root=root, srun=_program("srun")))
        srun.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """What a user's shell has, so that Slurm's commands find this cluster."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM", "SBATCH"))}
        conf = {"SLURM_CONF": str(self.root / "slurm.conf")}
        return kept | conf | {"PATH": f"{self.root / 'bin'}:{os.environ['PATH']}"}

    def start(self) -> None:
        """Start all daemons, and wait until all nodes are idle."""
        root = self.root
        key = root / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        names = {"key-file": key, "socket": root / "munge.socket", "seed-file": root / "seed",
                 "pid-file": root / "munge.pid", "log-file": root / "log" / "munged"}  # fmt: skip
        options = [f"--{name}={path}" for name, path in names.items()]
        self._daemon("munged", "munged", "--foreground", "--force", *options)
        wait_until((root / "munge.socket").exists, what="for munged")
        self._daemon("slurmctld", "slurmctld", "-D", "-f", root / "slurm.conf")
        for node in self.nodes:
            self.start_node(node)
        wait_until(self._all_idle, what="for the nodes", also=self.logs)

    def _all_idle(self) -> bool:
        return set(self.states().values()) == {"idle"}

    def start_node(self, node: str) -> None:
        """Start the daemon of a node."""
        options = ["-D", "-f", self.root / "slurm.conf", "-N", node]
        self._daemon(node, "slurmd", *options, folder=self._place(node))

    def _place(self, node: str) -> Path:
        return self.root / "spool" / node

    def _daemon(self, name: str, program: str, *arguments, folder: Path | None = None) -> None:
        with (self.root / "log" / f"{name}.out").open("ab") as out:
            self.daemons[name] = subprocess.Popen(
                [_program(program), *map(str, arguments)], cwd=folder or self.root,
                env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip

    def logs(self) -> str:
        """The last lines of all daemons."""
        files = (self.root / "log").iterdir()
        return "\n".join(path.read_text("utf-8", "replace")[-1500:] for path in files)

    def run(self, *command: str) -> str:
        """Run one of Slurm's commands; what it says."""
        done = subprocess.run(command, env=self.environment, text=True, capture_output=True)
        return done.stdout

    def states(self) -> dict[str, str]:
        """The state of each node."""
        return dict(line.split() for line in self.run("sinfo", "-hN", "-o", "%N %t").splitlines())

    def jobs(self, *states: str) -> list[SlurmJob]:
        """Jobs, those that ended a while ago too, in the order they were submitted."""
        wanted = ",".join(states) or "all"
        form = "%i|%T|%N|%j|%m|%l|%C"
        lines = self.run("squeue", "-h", "--states", wanted, "-o", form).splitlines()
        jobs = []
        for line in lines:
            *words, memory, limit, cpus = line.split("|")
            memory = int(memory.removesuffix("M"))
            jobs.append(SlurmJob(*words, memory, _minutes(limit), int(cpus)))
        return sorted(jobs, key=lambda job: int(job.id))

    def steps(self, node: str | None = None) -> list[psutil.Process]:
        """The processes that run jobs on a node (None: on all), outermost first."""
        places = [self._place(name) for name in self.nodes if node in (None, name)]
        found = []
        for process in psutil.process_iter(["name"]):
            try:
                # It has overwritten its environment, but works where its node's daemon does.
                if process.info["name"] == "slurmstepd" and Path(process.cwd()) in places:
                    found += [process, *process.children(recursive=True)]
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return list(dict.fromkeys(found))

    def crash(self, node: str) -> None:
        """End a node and all that runs on it at once, as a power failure does."""
        daemon = self.daemons.pop(node)
        daemon.kill()
        daemon.wait()
        _kill(self.steps(node))

    def disconnect(self, node: str) -> None:
        """End a node's daemon only: its jobs go on, but nobody can reach them."""
        daemon = self.daemons.pop(node)
        daemon.kill()
        daemon.wait()

    def stop(self) -> None:
        """End all jobs and daemons of this cluster, and nothing else."""
        for job in self.jobs("PENDING", "RUNNING", "COMPLETING", "SUSPENDED"):
            self.run("scancel", job.id)
        wait_until(lambda: not self.jobs("PENDING", "RUNNING", "COMPLETING"), 30, what="for jobs")
        for daemon in reversed(self.daemons.values()):
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        _kill(self.steps())


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=20)
