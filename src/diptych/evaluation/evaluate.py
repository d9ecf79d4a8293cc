"""Evaluate a run: every benchmark that applies to what it can do, on held-out data, each result kept with its protocol.

Callable from Python, the command line and the demo. Results lie in the run's folder:
`evaluations/<checkpoint>-<data>-<split>-<seed>-<kind>[-with-<run>].json`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from diptych.config import components
from diptych.config.components import Trust
from diptych.evaluation.benchmark import Benchmark
from diptych.evaluation.context import Context
from diptych.evaluation.generation.reference_set import ReferenceSet
from diptych.evaluation.plan import Measurement, planned
from diptych.evaluation.progress import silently
from diptych.evaluation.request import AS_USUAL, Request
from diptych.evaluation.results import Evaluation, save
from diptych.evaluation.suite import SUITE
from diptych.runs.capabilities import TakesCaptionOptions, TakesOptions
from diptych.runs.handles import Handle
from diptych.runs.lifecycle.redaction import redacted, run_info
from diptych.systems.captioning.options import CaptionOptions
from diptych.types import Track


@dataclass(frozen=True)
class Kept:
    """A result and where it was written."""

    evaluation: Evaluation
    path: Path
    real_set: ReferenceSet | None = None
    """The real images that generated ones were held against, if they were named."""


def evaluate(
    handle: Handle,
    request: Request = AS_USUAL,
    *,
    partners: Sequence[Handle] = (),
    benchmarks: Sequence[Benchmark] = SUITE,
    trust: Trust = (),
    track: Track = silently,
) -> list[Kept]:
    """The result of each benchmark that applies to the run, alone or beside each of its `partners`."""
    request = _with_caption_options(request, handle, partners)
    subject = handle.with_options(request.sampling) if isinstance(handle, TakesOptions) else handle
    context = Context(subject, request, trust=_with_own(trust, handle), track=track)
    return [_kept(one) for one in planned(context, partners, benchmarks)]


def _with_caption_options(request: Request, handle: Handle, partners: Sequence[Handle]) -> Request:
    """The request with the options of captions in their place, which whoever captions accepts."""
    of_images = handle.sampling if isinstance(handle, TakesOptions) else ()
    request = request.divided([field.name for field in fields(CaptionOptions)], of_images)
    for captioner in (one for one in (handle, *partners) if isinstance(one, TakesCaptionOptions)):
        captioner.caption_options(**request.caption_options)
    return request


def _with_own(trust: Trust, handle: Handle) -> Trust:
    """The packages that are trusted now, and those that were trusted to restore the run."""
    return None if trust is None else (*trust, *handle.trust)


def _kept(one: Measurement) -> Kept:
    evaluation, context = one.take(), one.context
    handle, request, data = context.subject, context.request, context.held_out.name.replace("/", "_")
    partner = f"-with-{context.partner.run.run_id}" if context.partner else ""
    name = f"{handle.checkpoint_name}-{data}-{context.held_out.split}-{request.seed}-{evaluation.kind}{partner}"
    return Kept(evaluation, save(evaluation, handle.run.evaluations, name), context.real_set)


def report_to_trackers(handle: Handle, results: Sequence[Kept], request: Request, trust: Trust = ()) -> list[str]:
    """Add the figures to the summaries that the run's trackers keep elsewhere (W&B); what there is to say of it."""
    config = handle.config
    run, status = run_info(handle.run, handle.images_seen), handle.run.read_status().label
    values = {
        f"{summary_group(kept.evaluation, request)}/{figure.key}": figure.value
        for kept in results
        for figure in kept.evaluation.figures
        if figure.value is not None
    }
    nodes = [(name, node) for name, node in config["tracking"].items() if node]
    own = _with_own(trust, handle)
    trackers = [components.build(node, f"tracking.{name}", {}, own) for name, node in nodes]
    return [line for tracker in trackers if (line := tracker.amend(redacted(config), run, values, status))]


def summary_group(evaluation: Evaluation, request: Request) -> str:
    """Under which name a run's summary keeps a result: whatever was not asked as usual is in it.

    So results of other data, of fewer examples or of another partner stand beside the usual one instead of in its
    place. A folder is published by its last name and a digest of its path.
    """
    partner = evaluation.protocol.get("with", {}).get("run")
    parts = [evaluation.kind, *([_published(request.data)] if request.data else []), request.split]
    parts += [f"with {partner}"] if partner else []
    usual = {"num": AS_USUAL.num, "seed": AS_USUAL.seed, "beam": AS_USUAL.beam}
    parts += [f"{name} {getattr(request, name)}" for name, value in usual.items() if getattr(request, name) != value]
    parts += [f"{name} {value}" for name, value in request.sampling.items()]
    parts += [f"{name} {value}" for name, value in request.captioning.items()]
    parts += [f"seen {request.seen}"] if request.seen != AS_USUAL.seen else []
    parts += [f"against {_published(request.against)}"] if request.against else []
    return "/".join([*parts, *map(_published, request.overrides)])


def _published(given: str) -> str:
    """The value without private paths; a shortened one is followed by a digest, so that two folders differ."""
    shown = redacted(given)
    return shown if shown == given else f"{shown} {hashlib.sha256(given.encode()).hexdigest()[:8]}"
