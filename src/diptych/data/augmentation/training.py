"""A training split as training sees it, and how much of it each operation changes: said once, before the first step."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from diptych.data.augmentation.captions import Claims
from diptych.data.augmentation.choice import operations_of
from diptych.data.augmentation.examples import Augmented, applicable
from diptych.data.example import ExampleRequest
from diptych.types import DataSpec

EXAMINED_OF_ENDLESS = 2_000
MOST_EXAMINED = 20_000
"""Of finite data: evenly over the data where there are more."""
log = logging.getLogger(__name__)


def augmented(examples: Any, chosen: Mapping[str, Any], spec: DataSpec, seed: int) -> Any:
    """The examples, changed as `data.augmentation` says; the log has how many pictures each operation applies to."""
    operations = operations_of(chosen)
    if not operations:
        return examples
    claims = Claims(spec.languages)
    changed = Augmented(examples, operations, claims, seed, spec.image_size)
    _report(changed, spec)
    return changed


def applied_to(changed: Augmented, spec: DataSpec) -> tuple[int, dict[str, int]]:
    """How many pictures were looked at, and to how many of them each operation may be applied."""
    counts = {operation.name: 0 for operation in changed.operations}
    examined = 0
    for said in _said(changed):
        examined += 1
        for operation in applicable(changed.operations, said, of_scenes=spec.world is not None):
            counts[operation.name] += 1
    return examined, counts


def _said(changed: Augmented) -> Iterator[frozenset[str]]:
    """What is said of each picture; no file of a picture is opened."""
    size = changed.size
    if size is None:
        for index in range(EXAMINED_OF_ENDLESS):
            yield changed.claims.of_example(changed.examples[ExampleRequest(index, index)])
    else:
        for index in range(0, size, max(1, -(-size // MOST_EXAMINED))):
            yield changed.claims.of_texts((*changed.captions_of(index), *changed.labels_of(index)))


def _report(changed: Augmented, spec: DataSpec) -> None:
    """Say how many pictures each operation applies to, and warn of those that apply to none."""
    for language in changed.claims.unlisted:
        log.warning(
            "data.augmentation: there is no list of words of %r (data.languages), so that nobody knows what captions "
            "say: operations that could make them untrue are off",
            language,
        )
    examined, counts = applied_to(changed, spec)
    which = "training pictures" if examined == changed.size else "training pictures looked at"
    told = ", ".join(f"{name} applies to {count:,}" for name, count in counts.items())
    log.info(
        "data.augmentation: of %s %s, %s; of the others somebody says what it may change", f"{examined:,}", which, told
    )
    for name in (name for name, count in counts.items() if not count):
        log.warning("data.augmentation.%s changes nothing: captions or labels of all these pictures forbid it", name)
