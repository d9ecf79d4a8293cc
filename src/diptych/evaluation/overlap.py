"""Whether a run was trained on what it is evaluated on; such examples are refused, left out, or counted.

The run's folder knows its training examples (`diptych.runs.membership`). In the run's own data a name says it, whatever
the split is called now; elsewhere the content does, so that copies in another folder are found. Copies that the run's
own split has always had under other names are counted and never refused. Of endless scenes the training split itself
says what it may draw. A run that kept no record of finite data may have seen anything, which is said.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

from diptych.config.components import Trust
from diptych.config.errors import UserError
from diptych.evaluation.held_out import LEAST, HeldOut
from diptych.evaluation.request import REFUSE, SKIP, Request
from diptych.runs.build import build_data
from diptych.runs.handles import Handle
from diptych.runs.membership import never_ends, training_examples
from diptych.types import Scene

TRAIN = "train"


@runtime_checkable
class DrawsScenes(Protocol):
    """An endless training split that says which scenes it may show."""

    def may_draw(self, scene: Scene) -> bool: ...


def overlap_settled(held_out: HeldOut, subject: Handle, request: Request, trust: Trust = ()) -> HeldOut:
    """The examples with the number of those seen in training, or without these; a UserError where they are refused."""
    seen, is_refused = _seen(held_out, subject, request, trust)
    if held_out.is_own and request.split == TRAIN:
        return replace(held_out, num_seen=sum(seen) or len(held_out))
    if not any(seen):
        num_seen = None if _is_unknown(held_out, subject, trust) else 0
        return replace(held_out, num_seen=num_seen, num_named_alike=_num_named_alike(held_out, subject))
    if request.seen == SKIP:
        return _without(held_out, seen)
    if is_refused and request.seen == REFUSE:
        raise UserError(_refusal(held_out, sum(seen), subject.run.run_id))
    return replace(held_out, num_seen=sum(seen))


def overlap_settled_with_all(held_out: HeldOut, runs: Sequence[Handle], request: Request, trust: Trust = ()) -> HeldOut:
    """As `overlap_settled`, with every run of an ensemble; what the most of them have seen is counted."""
    counts: list[int | None] = []
    for run in runs:
        held_out = overlap_settled(held_out, run, request, trust)
        counts.append(held_out.num_seen)
    known = [count for count in counts if count is not None]
    return replace(held_out, num_seen=max(known) if len(known) == len(counts) else None)


def num_seen_by(partner: Handle, held_out: HeldOut, trust: Trust = ()) -> int | None:
    """How many of the examples another run was trained on, by their contents; None where nobody knows."""
    known = training_examples(partner.run)
    if known is None and never_ends(partner.config["data"], trust):
        return 0
    if known is None or held_out.identities is None:
        return None
    return sum(known.has_contents_of(held_out.identities)) or (0 if known.is_complete else None)


def _is_unknown(held_out: HeldOut, subject: Handle, trust: Trust) -> bool:
    """Whether nobody can say what the run has seen, and these are not its own splits as they were."""
    is_its_own = held_out.is_own and not held_out.overrides
    return not is_its_own and num_seen_by(subject, held_out, trust) is None


def _seen(held_out: HeldOut, subject: Handle, request: Request, trust: Trust) -> tuple[Sequence[bool], bool]:
    """Which examples were trained on, and whether the request is to blame: the run's own split may hold copies."""
    known, identities = training_examples(subject.run), held_out.identities
    is_own = held_out.is_own
    if known is not None and identities is not None:
        names, contents = known.has_names_of(identities), known.has_contents_of(identities)
        either = [a or b for a, b in zip(names, contents, strict=True)]
        return (either, any(names)) if is_own else (contents, any(contents))
    if (is_own and not request.overrides) or not held_out.world or not subject.data_spec.world:
        return [False] * len(held_out), False
    drawn = _drawn(held_out, subject, trust)
    return drawn, any(drawn)


def _drawn(held_out: HeldOut, subject: Handle, trust: Trust) -> list[bool]:
    """Which scenes the run's own endless training may have shown."""
    data = build_data(subject.config, trust)
    training = getattr(data, "splits", {}).get(TRAIN)
    if not isinstance(training, DrawsScenes):
        return [False] * len(held_out)
    return [training.may_draw(scene) for scene in held_out.true_scenes()]


def _num_named_alike(held_out: HeldOut, subject: Handle) -> int:
    """How many examples of others are called as training examples: perhaps the same pictures, saved again."""
    known = None if held_out.is_own else training_examples(subject.run)
    return 0 if known is None else sum(known.has_names_of(held_out.identities or ()))


def _without(held_out: HeldOut, seen: Sequence[bool]) -> HeldOut:
    places = [place for place, is_seen in enumerate(seen) if not is_seen]
    if len(places) < LEAST:
        raise UserError(f"--seen skip leaves {len(places)} of {len(seen):,} examples, too few: name other data")
    words = f"{sum(seen):,} seen in training (--seen skip)"
    return replace(held_out.only(places), left_out=[*held_out.left_out, words])


def _refusal(held_out: HeldOut, num_seen: int, run_id: str) -> str:
    asked = " ".join(held_out.overrides) or held_out.name
    return (
        f"{asked}: {run_id} was trained on {num_seen:,} of these {len(held_out):,} examples, which are not held out; "
        "--seen skip leaves them out, --seen keep counts them in the protocol, --split train measures the training data"
    )
