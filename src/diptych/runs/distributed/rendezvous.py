"""The rendezvous that the first process of a run hands to the others: the run's folder and where it begins.

Only the first process looks for a checkpoint, since the others might find another one a moment later. The processes
that it starts receive the rendezvous on their command line. Those that torchrun or srun started wait for it in the
run's store; the first process publishes it once everything that it names exists.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from torch.distributed import TCPStore  # pyright: ignore[reportPrivateImportUsage]

from diptych.runs.distributed.topology import Topology, store_of

KEY = "diptych/rendezvous"
LOOK_EVERY_SECONDS = 0.1


@dataclass(frozen=True)
class Rendezvous:
    """What a process receives from its `parent`: the run, its topology, where to begin; `trust` as for `resume`."""

    folder: str
    topology: Topology
    trust: Sequence[str] | None = None
    warm_start: str | None = None
    checkpoint: str | None = None
    parent: int = field(default_factory=os.getpid)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        values = json.loads(text)
        return cls(**(values | {"topology": Topology(**values["topology"])}))


def publish_rendezvous(rendezvous: Rendezvous, store: TCPStore) -> None:
    """Publish it for processes that torchrun or srun started; each of them knows its own topology."""
    store.set(KEY, rendezvous.to_json())


def awaited_rendezvous(topology: Topology, settings: Mapping[str, Any]) -> Rendezvous:
    """Wait until the first process publishes the rendezvous; return it with this process's topology."""
    store = store_of(topology, settings)
    deadline = time.monotonic() + settings["timeout_seconds"]
    while not store.check([KEY]):  # `store.wait` would block signals
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"process {topology.rank}: the first process of this run has not begun within "
                f"trainer.timeout_seconds={settings['timeout_seconds']:g}"
            )
        time.sleep(LOOK_EVERY_SECONDS)
    return replace(Rendezvous.from_json(store.get(KEY).decode()), topology=topology)
