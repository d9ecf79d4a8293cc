"""Evaluate a run: what it generates, tells or classifies on held-out data, and what other runs make of its pictures.

Callable from Python, the command line and the demo. Every result says how it was measured and is kept in the run's
folder: `evaluations/<checkpoint>-<data>-<split>-<seed>[-with-<run>|-skills|-robustness].json`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from diptych.config import components
from diptych.config.components import Trust
from diptych.evaluation.batch_invariance import caption_invariance, image_invariance
from diptych.evaluation.captioning.captioned import evaluate_captioning, tell, truth_of
from diptych.evaluation.classification.agreement import evaluate_agreement
from diptych.evaluation.classification.classified import evaluate_classification
from diptych.evaluation.cycle import evaluate_cycle
from diptych.evaluation.generation.features import feature_network
from diptych.evaluation.generation.generated import GeneratedImages, evaluate_generation, generate_held_out
from diptych.evaluation.generation.image_sets import with_distributions
from diptych.evaluation.held_out import HeldOut, take_held_out
from diptych.evaluation.protocol import measured, protocol_of
from diptych.evaluation.request import (
    AS_USUAL,
    Request,
    check_exact,
    check_partners,
    check_skills,
    has_skills,
    refuse_what_would_be_ignored,
)
from diptych.evaluation.results import Evaluation, Figure, save
from diptych.evaluation.robustness.robustness import captioning_robustness, generation_robustness
from diptych.evaluation.scene_accuracy import silently
from diptych.evaluation.skills.skills import SkillsRequest, evaluate_skills
from diptych.models.features import FeatureNetwork
from diptych.runs.checkpoints import read_checkpoint
from diptych.runs.lifecycle.redaction import redacted, run_info
from diptych.runs.load import Handle, ImageCaptioner, ImageClassifier, ImageGenerator
from diptych.systems.captioning.system import Caption
from diptych.types import Track


@dataclass(frozen=True)
class Kept:
    """A result and where it was written."""

    evaluation: Evaluation
    path: Path


def evaluate(
    handle: ImageGenerator | ImageCaptioner | ImageClassifier,
    request: Request = AS_USUAL,
    *,
    partners: Sequence[ImageCaptioner | ImageClassifier] = (),
    trust: Trust = (),
    track: Track = silently,
) -> list[Kept]:
    """The run's table; for a generator of a world its skills too, and one for each of its `partners`.

    With a captioner it is the loop's, with a classifier that of a second reader beside the judge.
    """
    refuse_what_would_be_ignored(handle, request, partners)
    if not isinstance(handle, ImageGenerator):
        held_out = held_out_for(handle, request, trust)
        if isinstance(handle, ImageCaptioner):
            return _captioner_results(handle, held_out, request, track)
        return [_classifier_result(handle, held_out, request, track)]
    network = feature_network(request.features, read_checkpoint(handle.checkpoint)["config"], trust)
    held_out = held_out_for(handle, request, trust, spare=request.num)
    check_partners(handle, partners, held_out)
    check_skills(handle, request, held_out)
    if request.robustness:
        check_exact(handle, held_out)
    generated = generate_held_out(handle, held_out, seed=request.seed, track=track)
    results = [_generator_result(handle, generated, held_out, network, request, track)]
    results += [_partner_result(handle, partner, generated, held_out, request, track) for partner in partners]
    if request.skills is not None and has_skills(handle, held_out):
        results.append(_skills_result(handle, request.skills, held_out, request, track))
    if request.robustness:
        protocol = protocol_of(handle, held_out, request.seed)
        robust = generation_robustness(handle, generated, held_out, protocol, track)
        results.append(_keep(handle, robust, request, held_out, "-robustness"))
    return results


def held_out_for(handle: Handle, request: Request, trust: Trust = (), spare: int = 0) -> HeldOut:
    """The examples that the request asks for, and so many pictures more."""
    config = read_checkpoint(handle.checkpoint)["config"]
    return take_held_out(
        config,
        data=request.data,
        split=request.split,
        num=request.num,
        spare=spare,
        overrides=request.overrides,
        trust=trust,
    )


def _captioner_results(handle: ImageCaptioner, held_out: HeldOut, request: Request, track: Track) -> list[Kept]:
    if request.robustness:
        check_exact(handle, held_out)
    captions = tell(handle, held_out.images, beam=request.beam, track=track, description="captions")
    protocol = protocol_of(handle, held_out, request.seed) | {"beam": request.beam}
    evaluation = evaluate_captioning(handle, captions, held_out, protocol)
    evaluation = _with(evaluation, caption_invariance(handle, captions, held_out, request.beam))
    results = [_keep(handle, evaluation, request, held_out)]
    if request.robustness:
        scores = truth_of([caption.text for caption in captions], held_out)
        robust = captioning_robustness(handle, scores, held_out, protocol, track)
        results.append(_keep(handle, robust, request, held_out, "-robustness"))
    return results


def _classifier_result(handle: ImageClassifier, held_out: HeldOut, request: Request, track: Track) -> Kept:
    protocol = protocol_of(handle, held_out, request.seed)
    return _keep(handle, evaluate_classification(handle, held_out, protocol, track), request, held_out)


def _generator_result(
    handle: ImageGenerator,
    generated: GeneratedImages,
    held_out: HeldOut,
    network: FeatureNetwork,
    request: Request,
    track: Track,
) -> Kept:
    evaluation = evaluate_generation(generated, held_out, protocol_of(handle, held_out, request.seed), track)
    if generated.judged is not None and handle.system.text_encoder is not None:
        evaluation = _with(evaluation, image_invariance(handle, generated, held_out, request.seed))
    evaluation = with_distributions(evaluation, generated.images, held_out, network, force=request.force, track=track)
    return _keep(handle, evaluation, request, held_out)


def _partner_result(
    handle: ImageGenerator,
    partner: ImageCaptioner | ImageClassifier,
    generated: GeneratedImages,
    held_out: HeldOut,
    request: Request,
    track: Track,
) -> Kept:
    protocol = protocol_of(handle, held_out, request.seed) | {"with": measured(partner)}
    if isinstance(partner, ImageClassifier):
        result = evaluate_agreement(partner, generated, held_out, protocol, track)
    else:
        captions = _captions(partner, generated, held_out, request, track)
        result = evaluate_cycle(handle, generated, captions, held_out, protocol | {"beam": request.beam}, track)
    return _keep(handle, result, request, held_out, f"-with-{partner.run.run_id}")


def _captions(
    captioner: ImageCaptioner, generated: GeneratedImages, held_out: HeldOut, request: Request, track: Track
) -> Mapping[str, Sequence[Caption]]:
    return {
        "generated": tell(
            captioner, generated.images, beam=request.beam, track=track, description="telling generated images"
        ),
        "real": tell(captioner, held_out.images, beam=request.beam, track=track, description="telling true pictures"),
    }


def _skills_result(
    handle: ImageGenerator, skills: SkillsRequest, held_out: HeldOut, request: Request, track: Track
) -> Kept:
    learned_from = read_checkpoint(handle.checkpoint)["config"]["data"]
    protocol = protocol_of(handle, held_out, request.seed)
    result = evaluate_skills(handle, held_out, skills, protocol, track, learned_from.get("complete_prob"))
    return _keep(handle, result, request, held_out, "-skills-full" if skills.full_sentences else "-skills")


def _with(evaluation: Evaluation, figure: Figure) -> Evaluation:
    """One line more."""
    return replace(evaluation, figures=[*evaluation.figures, figure])


def _keep(handle: Handle, evaluation: Evaluation, request: Request, held_out: HeldOut, suffix: str = "") -> Kept:
    data = held_out.name.replace("/", "_")
    name = f"{handle.checkpoint.stem}-{data}-{request.split}-{request.seed}{suffix}"
    return Kept(evaluation, save(evaluation, handle.run.evaluations, name))


def report_to_trackers(handle: Handle, results: Sequence[Kept], request: Request, trust: Trust = ()) -> list[str]:
    """Add the figures to the summaries that the run's trackers keep elsewhere (W&B); what there is to say of it."""
    config = read_checkpoint(handle.checkpoint)["config"]
    run, status = run_info(handle.run, handle.images_seen), handle.run.read_status().label
    values = {
        f"{summary_group(kept.evaluation, request)}/{figure.name}": figure.value
        for kept in results
        for figure in kept.evaluation.figures
        if figure.value is not None
    }
    nodes = [(name, node) for name, node in config["tracking"].items() if node]
    trackers = [components.build(node, f"tracking.{name}", {}, trust) for name, node in nodes]
    return [line for tracker in trackers if (line := tracker.amend(redacted(config), run, values, status))]


def summary_group(evaluation: Evaluation, request: Request) -> str:
    """Under which name a run's summary keeps a result: whatever was not asked as usual is in it.

    So results of other data, of fewer examples or of another partner stand beside the usual one instead of in its
    place. Of folders it names the last one only, as all that is told to others, and a digest that tells two apart.
    """
    partner = evaluation.protocol.get("with", {}).get("run")
    parts = [evaluation.kind, *([_told_apart(request.data)] if request.data else []), request.split]
    parts += [f"with {partner}"] if partner else []
    usual = {"num": AS_USUAL.num, "seed": AS_USUAL.seed, "beam": AS_USUAL.beam}
    parts += [f"{name} {getattr(request, name)}" for name, value in usual.items() if getattr(request, name) != value]
    return "/".join([*parts, *map(_told_apart, request.overrides)])


def _told_apart(given: str) -> str:
    """What others are told of it; where that says less, it is followed by what tells it from others like it."""
    said = redacted(given)
    return said if said == given else f"{said} {hashlib.sha256(given.encode()).hexdigest()[:8]}"
