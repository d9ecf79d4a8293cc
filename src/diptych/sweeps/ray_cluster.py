"""Runs wherever a Ray cluster has room, with whole or fractional GPUs.

Each start is a detached actor that keeps one process (`ray_keeper.py`). Its name is that of the start, so that it is
found again by another supervisor, and never made twice. On a cluster that exists by itself runs outlive their
supervisor; a cluster that was begun for the sweep (no `address`) dies with it, and its runs are resumed from what they
have saved.
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
from diptych.sweeps.ray_actor import Keeper
from diptych.sweeps.slots import Machine, Slot
from diptych.sweeps.starts import Start

NAMESPACE = "diptych"
STORE_BYTES = 80 * 2**20
"""Of a cluster begun for a sweep: no data go through Ray's object store, which would else take a third of memory."""
KNOCK_SECONDS, ANSWER_SECONDS = 10.0, 5.0


class NoClusterThere(UserError):
    """The machine answers that nothing listens at the address."""


@dataclass
class RayWork:
    """The process that an actor keeps; the actor waits until the cluster has room for it.

    One that is adopted may have begun long ago: it is given time to say so before it counts as waiting.
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
            self._leave(End(state=STOPPED, why="stopped before it was begun"))
        elif self._end is None and not self._is_asked:
            self.actor.stop.remote()
            self._is_asked = True

    def kill(self) -> None:
        self._leave(End(why="ended by the supervisor"))

    def _listen(self) -> None:
        """Ask the actor for the exit code, and take its answer once there is one; it may take its time."""
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
        """Give the actor's share of the cluster back; its process dies with it."""
        self._end = end
        _ray().kill(self.actor)


class RayExecutor:
    """`address` is that of a cluster (`host:6379`, or `auto` on one of its nodes), None begins one on this machine."""

    look_every_seconds = 0.5
    parallelism: int | None = None
    is_of_one_machine = False
    _connected_one: ClassVar["RayExecutor | None"] = None
    """Ray keeps one connection in a process; this is whose it is."""

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
        """As many as all nodes together have room for, if nothing else is on them."""
        room = sum(self._room(node) for node in self._nodes())
        if not room and self.num_slots is None:
            wish = f"{self.cpus_per_run:g} cores and {self.gpus_per_run:g} GPUs"
            raise UserError(
                f"hydra/launcher=ray: no node has {wish} for a run: lower hydra.launcher.cpus_per_run or gpus_per_run, "
                "or give slots where the cluster grows by itself"
            )
        return [Slot(number, threads=max(1, int(self.cpus_per_run))) for number in range(self.num_slots or room)]

    def submit(self, starts: Sequence[Start]) -> Sequence[RayWork]:
        return [self._begin(start, f"{start.job.run_id}.{start.job.starts + 1}") for start in starts]

    def adopt(self, handle: str) -> RayWork | None:
        if self.address is None and RayExecutor._connected_one is not self:
            return None  # the cluster died with the supervisor that had begun it
        try:
            ray = self._connected()
        except NoClusterThere:
            return None  # so did this one's actors; whoever else cannot be asked may have living ones
        try:
            return RayWork(handle, ray.get_actor(handle, namespace=NAMESPACE), is_adopted=True)
        except ValueError:
            return None

    def end_of(self, handle: str) -> End:
        return End()

    def _begin(self, start: Start, handle: str) -> RayWork:
        share = {"num_cpus": self.cpus_per_run, "num_gpus": self.gpus_per_run}
        name = {"name": handle, "namespace": NAMESPACE, "lifetime": "detached", "get_if_exists": True}
        keeper = self._connected().remote(Keeper).options(**name, **share)
        return RayWork(handle, keeper.remote(start, {**start.environment(), HANDLE_VARIABLE: handle}, Path.cwd()))

    def _nodes(self) -> list[Mapping[str, float]]:
        """What each node has, by Ray's names."""
        if self.address is None:
            machine = Machine.here()
            return [{"CPU": machine.cores, "GPU": len(machine.gpus)}]
        return [node["Resources"] for node in self._connected().nodes() if node["Alive"]]

    def _room(self, node: Mapping[str, float]) -> int:
        by_cpus = floor(node.get("CPU", 0) / self.cpus_per_run + 1e-9)
        return min(by_cpus, self._room_on_gpus(int(node.get("GPU", 0)))) if self.gpus_per_run else by_cpus

    def _room_on_gpus(self, gpus: int) -> int:
        """A share is of one GPU, and a rest of it is of no use."""
        share = self.gpus_per_run
        return gpus * floor(1 / share + 1e-9) if share <= 1 else gpus // int(share)

    def _connected(self) -> Any:
        """Ray, in touch with this executor's cluster and no other."""
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
        """Ray itself would knock for two minutes."""
        host, _, port = (self.address or "").rpartition(":")
        if not (host and port.isdigit()):
            return
        try:
            socket.create_connection((host, int(port)), timeout=KNOCK_SECONDS).close()
        except OSError as error:
            kind = NoClusterThere if isinstance(error, ConnectionRefusedError) else UserError
            raise kind(f"hydra.launcher.address={self.address}: no Ray cluster answers there ({error})") from None

    def _cluster(self) -> dict[str, Any]:
        if self.address is not None:
            return {"address": self.address}
        machine = Machine.here()
        own = {"num_cpus": machine.cores, "num_gpus": len(machine.gpus), "object_store_memory": STORE_BYTES}
        os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # nobody else can reach it, and it writes no token
        return {"address": "local", "include_dashboard": False, **own}


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing of this machine leaves it unasked
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray  # pyright: ignore[reportMissingImports]  # an extra
    except ImportError:
        raise UserError("hydra/launcher=ray needs Ray: pip install 'diptych[ray]'") from None
    return ray
