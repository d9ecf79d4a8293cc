"""The Ray executor: runs wherever a cluster has room, with whole or fractional GPUs.

Each start is a detached actor that holds one process (`ray_actor.py`). The actor is named after the start, so another
supervisor finds it again and never makes it twice. On an existing cluster runs outlive their supervisor. A cluster that
was started for the sweep (no `address`) dies with the supervisor, and its runs resume from their checkpoints.
"""

import logging
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import floor
from pathlib import Path
from typing import Any, ClassVar

from diptych.config.errors import UserError
from diptych.runs.folder.identity import HANDLE_VARIABLE
from diptych.runs.folder.status import STOPPED
from diptych.sweeps.exit_status import End
from diptych.sweeps.ray_actor import RunActor
from diptych.sweeps.slots import Machine, Slot
from diptych.sweeps.starts import Start

NAMESPACE = "diptych"
STORE_BYTES = 80 * 2**20
"""The object store of a cluster of our own. Ray's default is a third of memory, and no data go through it."""
CONNECT_SECONDS, ANSWER_SECONDS = 10.0, 5.0


class NoClusterThere(UserError):
    """The machine refuses the connection: nothing listens at the address."""


@dataclass
class RayWork:
    """The process that an actor holds; the actor waits until the cluster has room for it.

    Adopted work may have begun long ago, so it gets time to answer before it counts as waiting.
    """

    handle: str
    actor: Any
    is_adopted: bool = False
    _question: Any = None
    _has_begun: bool = False
    _is_asked: bool = False
    _end: End | None = field(default=None)

    def ended(self) -> bool:
        self._listen()
        return self._end is not None

    def waits(self) -> bool:
        self._listen()
        return not self._has_begun and self._end is None

    def end(self) -> End:
        return self._end or End()

    def stop(self) -> None:
        if self.waits():
            self._leave(End(state=STOPPED, why="stopped before it began"))
        elif self._end is None and not self._is_asked:
            self.actor.stop.remote()
            self._is_asked = True

    def kill(self) -> None:
        self._leave(End(why="killed by the supervisor"))

    def _listen(self) -> None:
        """Ask the actor for the exit code, and read its answer once there is one."""
        ray = _ray()
        if self._end is not None:
            return
        patience, self.is_adopted = ANSWER_SECONDS if self.is_adopted else 0.0, False
        if self._question is None:
            self._question = self.actor.code.remote()
        answered, _ = ray.wait([self._question], timeout=patience)
        if not answered:
            return
        question, self._question = self._question, None
        try:
            code = ray.get(question)
        except ray.exceptions.RayError as error:
            self._end = End(why=f"Ray: {str(error).strip().splitlines()[0]}")
            return
        self._has_begun = True
        if code is not None:
            self._leave(End(code))

    def _leave(self, end: End) -> None:
        """Free the actor's share of the cluster; its process dies with it."""
        self._end = end
        _ray().kill(self.actor)


class RayExecutor:
    """Runs on the cluster at `address` (`host:6379`, or `auto` on a node); None starts a cluster on this machine."""

    look_every_seconds = 0.5
    parallelism: int | None = None
    is_of_one_machine = False
    _connected_one: ClassVar["RayExecutor | None"] = None
    """The executor that owns the process's one connection to Ray."""

    def __init__(
        self,
        address: str | None = None,
        slots: int | None = None,
        cpus_per_run: float = 1.0,
        gpus_per_run: float = 0.0,
    ) -> None:
        for name, value in (("slots", slots), ("cpus_per_run", cpus_per_run)):
            if value is not None and value <= 0:
                raise UserError(f"hydra.launcher.{name}={value:g}: give more than 0")
        if gpus_per_run < 0 or (gpus_per_run > 1 and gpus_per_run != int(gpus_per_run)):
            raise UserError(
                f"hydra.launcher.gpus_per_run={gpus_per_run:g}: give a share of one GPU, or a whole number of them"
            )
        self.address, self.num_slots = address, slots
        self.cpus_per_run, self.gpus_per_run = cpus_per_run, gpus_per_run

    @property
    def description(self) -> Mapping[str, Any]:
        return {"kind": "ray", "address": self.address}

    def check(self) -> None:
        self._connected()

    def slots(self) -> Sequence[Slot]:
        """As many as all nodes together have room for when they are empty."""
        room = sum(self._room(node) for node in self._nodes())
        if not room and self.num_slots is None:
            need = f"{self.cpus_per_run:g} cores and {self.gpus_per_run:g} GPUs"
            raise UserError(
                f"hydra/launcher=ray: no node has {need} for a run: lower hydra.launcher.cpus_per_run or gpus_per_run, "
                "or give slots if the cluster scales automatically"
            )
        return [Slot(number, threads=max(1, int(self.cpus_per_run))) for number in range(self.num_slots or room)]

    def submit(self, starts: Sequence[Start]) -> Sequence[RayWork]:
        return [self._begin(start, f"{start.job.run_id}.{start.job.starts + 1}") for start in starts]

    def adopt(self, handle: str) -> RayWork | None:
        if self.address is None and RayExecutor._connected_one is not self:
            return None  # the cluster died with the supervisor that started it
        try:
            ray = self._connected()
        except NoClusterThere:
            return None  # its actors died with it; a cluster that only does not answer may still run them
        try:
            return RayWork(handle, ray.get_actor(handle, namespace=NAMESPACE), is_adopted=True)
        except ValueError:
            return None

    def end_of(self, handle: str) -> End:
        return End()

    def _begin(self, start: Start, handle: str) -> RayWork:
        share = {"num_cpus": self.cpus_per_run, "num_gpus": self.gpus_per_run}
        name = {"name": handle, "namespace": NAMESPACE, "lifetime": "detached", "get_if_exists": True}
        actor = self._connected().remote(RunActor).options(**name, **share)
        return RayWork(handle, actor.remote(start, {**start.environment(), HANDLE_VARIABLE: handle}, Path.cwd()))

    def _nodes(self) -> list[Mapping[str, float]]:
        """The resources of each node, by Ray's names."""
        if self.address is None:
            machine = Machine.here()
            return [{"CPU": machine.cores, "GPU": len(machine.gpus)}]
        return [node["Resources"] for node in self._connected().nodes() if node["Alive"]]

    def _room(self, node: Mapping[str, float]) -> int:
        by_cpus = floor(node.get("CPU", 0) / self.cpus_per_run + 1e-9)
        return min(by_cpus, self._room_on_gpus(int(node.get("GPU", 0)))) if self.gpus_per_run else by_cpus

    def _room_on_gpus(self, gpus: int) -> int:
        """Each share is of one GPU; what is left of a GPU stays unused."""
        share = self.gpus_per_run
        return gpus * floor(1 / share + 1e-9) if share <= 1 else gpus // int(share)

    def _connected(self) -> Any:
        """Ray, connected to this executor's cluster."""
        ray = _ray()
        if RayExecutor._connected_one is not self:
            self._check_address()
            if RayExecutor._connected_one is not None:
                RayExecutor._connected_one = None
                ray.shutdown()
            quiet = {"namespace": NAMESPACE, "log_to_driver": False, "logging_level": logging.ERROR}
            try:
                ray.init(**quiet, **self._cluster())
            except (ConnectionError, ValueError, RuntimeError) as error:
                raise UserError(f"hydra.launcher.address={self.address}: {error}") from error
            RayExecutor._connected_one = self
        return ray

    def _check_address(self) -> None:
        """Fail early: Ray itself would try for two minutes."""
        host, _, port = (self.address or "").rpartition(":")
        if not (host and port.isdigit()):
            return
        try:
            socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
        except OSError as error:
            kind = NoClusterThere if isinstance(error, ConnectionRefusedError) else UserError
            raise kind(f"hydra.launcher.address={self.address}: no Ray cluster answers there ({error})") from None

    def _cluster(self) -> dict[str, Any]:
        if self.address is not None:
            return {"address": self.address}
        machine = Machine.here()
        own = {"num_cpus": machine.cores, "num_gpus": len(machine.gpus), "object_store_memory": STORE_BYTES}
        os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # the cluster is local, and Ray then writes no token
        return {"address": "local", "include_dashboard": False, **own}


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no telemetry
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray  # pyright: ignore[reportMissingImports]  # an extra
    except ImportError:
        raise UserError("hydra/launcher=ray needs Ray: pip install 'diptych[ray]'") from None
    return ray
