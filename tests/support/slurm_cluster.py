"""A SLURM cluster of one node on this machine, with its own configuration, key and folders."""

import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "sbatch", "squeue", "scancel", "scontrol")

CONFIGURATION = """
ClusterName=diptych
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
SlurmctldPort={controller_port}
SlurmdPort={node_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
KillWait=10
MinJobAge=3600
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=1000 State=UNKNOWN
PartitionName=low Nodes={host} Default=YES MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=30
PartitionName=high Nodes={host} MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
"""


@dataclass
class Slurm:
    """A cluster of two cores; jobs of the partition `high` preempt those of `low` after 30 s of grace."""

    folder: Path

    def __post_init__(self) -> None:
        self.daemons: list[subprocess.Popen[bytes]] = []

    @staticmethod
    def why_not() -> str:
        """What is missing here; "" if nothing is."""
        path = path_with_sbin()
        missing = [program for program in PROGRAMS if shutil.which(program, path=path) is None]
        if missing:
            return f"no {', '.join(missing)} here: apt-get install slurm-wlm munge"
        return "" if os.geteuid() == 0 else "only root can start the daemons of SLURM"

    @property
    def environment(self) -> dict[str, str]:
        return {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": path_with_sbin()}

    def start(self) -> None:
        self.folder.chmod(0o755)  # munged trusts no folder that others may write to
        for inner in ("state", "spool"):
            (self.folder / inner).mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        ports = {"controller_port": free_port(), "node_port": free_port()}
        text = CONFIGURATION.format(folder=self.folder, host=os.uname().nodename.partition(".")[0], **ports)
        (self.folder / "slurm.conf").write_text(text)
        door, seed = self.folder / "munge.socket", self.folder / "munge.seed"
        files = {"key-file": key, "socket": door, "log-file": self.folder / "munged.log", "seed-file": seed}
        options = [f"--{name}={path}" for name, path in (files | {"pid-file": self.folder / "munged.pid"}).items()]
        self._begin("munged", "--foreground", "--force", *options)
        self._wait("munged", door.exists)
        self._begin("slurmctld", "-D")
        self._begin("slurmd", "-D")
        self._wait("slurmctld", lambda: "idle" in self.ask("sinfo", "--noheader", "--format=%t"))

    def stop(self) -> None:
        self.ask("scancel", "--user=root")
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def ask(self, *command: str) -> str:
        """The standard output of a command."""
        whole = {**os.environ, **self.environment}
        return subprocess.run(command, env=whole, capture_output=True, text=True, timeout=60).stdout

    def jobs(self) -> dict[str, str]:
        """The state of every job since the start, by id."""
        said = self.ask("squeue", "--array", "--states=all", "--noheader", "--format=%i %T")
        return dict(line.split() for line in said.splitlines())

    def job(self, handle: str) -> dict[str, str]:
        """All fields of a job."""
        said = self.ask("scontrol", "show", "job", "--oneliner", handle)
        return dict(word.split("=", 1) for word in said.split() if "=" in word)

    def start_now(self, handle: str) -> None:
        """Start a requeued job now instead of after two minutes."""
        self.ask("scontrol", "update", f"jobid={handle}", "StartTime=now")

    def _begin(self, program: str, *options: str) -> None:
        where = shutil.which(program, path=path_with_sbin())
        with (self.folder / f"{program}.said").open("wb") as said:
            whole = {**os.environ, **self.environment}
            self.daemons.append(
                subprocess.Popen([str(where), *options], env=whole, stdout=said, stderr=said, start_new_session=True)
            )

    def _wait(self, program: str, condition, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            said = (self.folder / f"{program}.said").read_text(errors="replace")
            assert time.monotonic() < deadline, f"{program} did not come up:\n{said[-2000:]}"
            time.sleep(0.2)


def path_with_sbin() -> str:
    """PATH with the folders of the daemons."""
    return os.pathsep.join((os.environ["PATH"], "/usr/sbin", "/sbin"))


def free_port() -> int:
    """A port that is free at the moment."""
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        return asking.getsockname()[1]
