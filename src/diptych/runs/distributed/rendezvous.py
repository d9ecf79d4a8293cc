"""What the first process of a run tells the others: where the run lies, and what it begins with.

The first alone looks for that, since what others find on the disk a moment later may be something else. Those that it
starts itself find the order on their command line; those that torchrun or srun has started wait for it at the run's
meeting point, and it is there once all that it names is.
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
    """What a process learns from its `parent`: the run, its topology, how to begin; `trust` as for `resume`."""

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
    """For all whom somebody else has started; each of them knows its own topology."""
    store.set(KEY, rendezvous.to_json())


def awaited_rendezvous(topology: Topology, settings: Mapping[str, Any]) -> Rendezvous:
    """What the first process has ordered, for the process in this topology; waits until it has."""
    store = store_of(topology, settings)
    deadline = time.monotonic() + settings["timeout_seconds"]
    while not store.check([KEY]):  # to wait within the store is to be deaf to signals
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"process {topology.rank}: the first process of this run has not begun within "
                f"trainer.timeout_seconds={settings['timeout_seconds']:g}"
            )
        time.sleep(LOOK_EVERY_SECONDS)
    return replace(Rendezvous.from_json(store.get(KEY).decode()), topology=topology)
