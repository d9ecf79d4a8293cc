"""What is said of data that have been packed: shards and their digests, counts, and what was left out and why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from diptych.data.caption_files.faults import KINDS
from diptych.data.folders.verdict import Inspected
from diptych.data.packing.plan import Plan
from diptych.data.packing.shard import Written
from diptych.data.packing.shrinking import QUALITY

READS_ALL = 'data.shards="*.tar"'
SHARES = {"val": "data.val_share=0", "test": "data.test_share=0"}
"""Of splits that the data do not have, and would be given."""


def manifest_of(plan: Plan, written: Sequence[Written], findings: Inspected | None) -> dict[str, Any]:
    """All of it as JSON; `findings` are those of the data, where they have any."""
    return {
        **plan.settings,
        "resized": None if plan.side is None else _resized(plan.side),
        "splits": _splits(plan, written),
        "labels": [*plan.labels],
        "read_with": [
            "data=webdataset",
            READS_ALL,
            *(key for split, key in SHARES.items() if split not in plan.splits),
        ],
        "left_out": _left_out(written, findings),
        "shards": {
            each.file: {"digest": each.sha256, "bytes": each.bytes, "pictures": each.pictures} for each in written
        },
    }


def _resized(side: int) -> str:
    return (
        f"pictures whose shorter side has more than {2 * side} pixels have one of {2 * side}; PNG where they were PNG "
        f"or had transparency, which is laid on white, else JPEG of quality {QUALITY}"
    )


def _splits(plan: Plan, written: Sequence[Written]) -> dict[str, dict[str, int]]:
    counts = {split: Counter[str]() for split in plan.splits}
    for part, each in zip(plan.parts(), written, strict=True):
        counts[part.split].update(shards=1, pictures=each.pictures, captions=each.captions, bytes=each.bytes)
    return {split: dict(count) for split, count in counts.items()}


def _left_out(written: Sequence[Written], findings: Inspected | None) -> list[Mapping[str, Any]]:
    """By kind, with all names: what was no good picture, and what could not be packed."""
    blocking = {} if findings is None else findings.blocking
    found = [{"kind": kind, "what": KINDS[kind], "names": names} for kind, names in blocking.items()]
    unpacked = [f"{name} ({why})" for each in written for name, why in each.left_out]
    if unpacked:
        found.append({"kind": "unpacked", "what": "good pictures that cannot be packed", "names": unpacked})
    return [{**each, "count": len(each["names"])} for each in found]
