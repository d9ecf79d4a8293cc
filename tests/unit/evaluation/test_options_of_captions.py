"""What is asked of captions holds in every benchmark, stands in its protocol, or is refused by name before any work."""

from types import SimpleNamespace

import pytest
import torch
from contexts import captioner_of, context_of

from diptych.config import UserError
from diptych.config.composition import compose
from diptych.data.labels import as_matrix, labels_of
from diptych.evaluation.caption_diversity.benchmark import CaptionDiversity
from diptych.evaluation.caption_diversity.request import DiversityRequest
from diptych.evaluation.captioning.grounding import Grounding
from diptych.evaluation.held_out import HeldOut, take_held_out
from diptych.evaluation.plan import planned
from diptych.evaluation.suite import SUITE
from diptych.metrics.protocols import differences
from diptych.runs.handles import RuleCaptioner, handle_for
from diptych.runs.handles.ensemble import ensemble_of
from diptych.systems.captioning.captions import Caption
from diptych.systems.captioning.options import CaptionOptions
from diptych.systems.classification.labels import Classification
from diptych.systems.template.system import TemplateCaptioner

NUM = 12


@pytest.fixture(scope="module")
def held_out() -> HeldOut:
    return take_held_out(compose(["data=scenes_demo", "data.batch_size=16"]), data=None, split="test", num=NUM)


class Knower(torch.nn.Module):
    """A classifier that knows these very pictures."""

    def __init__(self, held_out: HeldOut) -> None:
        super().__init__()
        self.data_spec = held_out.spec
        rows = as_matrix([labels_of(scene, held_out.world) for scene in held_out.true_scenes()], held_out.spec.labels)
        self.probs = {image.numpy().tobytes(): row for image, row in zip(held_out.images, rows.float(), strict=True)}

    def classify(self, images):
        rows = [self.probs.get(image.numpy().tobytes(), torch.zeros(len(self.data_spec.labels))) for image in images]
        names = self.data_spec.labels
        return [Classification(tuple(name for name, p in zip(names, row, strict=True) if p), row) for row in rows]

    def evidence(self, images):
        return torch.full((len(images), len(self.data_spec.labels), 8, 8), 1 / 64)


@pytest.fixture(scope="module")
def rules(held_out) -> RuleCaptioner:
    system = TemplateCaptioner(data_spec=held_out.spec, classifier=Knower(held_out))
    run = SimpleNamespace(run_id="rules", read_collapse=lambda: None)
    return handle_for(system)(run=run, checkpoint=None, system=system.eval())


def test_every_benchmark_that_reads_the_beam_reads_the_other_options():
    reading = [benchmark for benchmark in SUITE if "beam" in benchmark.options]
    assert len(reading) >= 4
    assert not [benchmark.kind for benchmark in reading if "captioning" not in benchmark.options]


def test_the_protocol_of_grounding_names_the_options(held_out):
    def say(images, **options):
        assert options == {"beam": 2, "length_power": 0.5}
        return [Caption("nothing", 0.0, ("nothing",), None) for _ in images]

    context = context_of(captioner_of(say), held_out, beam=2, captioning={"length_power": 0.5})
    protocol = Grounding().measure(context).protocol
    assert (protocol["beam"], protocol["length_power"]) == (2, 0.5)


def test_a_captioner_of_rules_is_measured_by_all_that_applies_to_it(rules, held_out):
    plan = planned(context_of(rules, held_out, diversity=DiversityRequest(2, [0, 1])), [], SUITE)
    measured = {one.benchmark.kind: one.take() for one in plan}
    assert {"captioning", "grounding", "caption_diversity"} <= measured.keys()
    assert not {"minimal_pairs", "existence"} & measured.keys()
    assert measured["captioning"].figure("faithful").value > 0


def drawing(asked, **further):
    def sampled(pictures, *, seed, temperature=1.0, **options):
        asked.append((temperature, options))
        return (SimpleNamespace(text="nothing") for _ in pictures)

    return captioner_of(iter, **{"samples_captions": True, "sampled_captions": sampled, "data_spec": None, **further})


def options_of(**options):
    try:
        return CaptionOptions(**options)
    except ValueError as error:
        raise UserError(str(error)) from None


def test_drawn_captions_follow_the_options_and_their_protocol_names_them(held_out):
    asked = []
    options = {"suppress": ("red",), "min_length": 2, "temperature": 0.7}
    request = {"diversity": DiversityRequest(2, [0.5, 1]), "captioning": options, "beam": 1}
    context = context_of(drawing(asked, caption_options=options_of), held_out, **request)
    assert CaptionDiversity().refusal(context) == ""
    protocol = CaptionDiversity().measure(context).protocol
    assert {temperature for temperature, _ in asked} == {0.5, 1}
    assert all(given == {"suppress": ["red"], "min_length": 2} for _, given in asked)
    assert (protocol["suppress"], protocol["min_length"], protocol["num_samples"]) == (["red"], 2, 2)


@pytest.mark.parametrize(
    ("temperatures", "option", "reason"),
    [([1.0], {"length_power": 0.5}, "length_power=0.5 belongs to a search"), ([0, 1], {"top_k": 3}, "top_k=3 belongs")],
)
def test_what_cannot_be_drawn_so_is_refused_before_any_work(temperatures, option, reason, held_out):
    request = {"diversity": DiversityRequest(2, temperatures), "captioning": option}
    context = context_of(drawing([], caption_options=options_of), held_out, **request)
    assert reason in CaptionDiversity().refusal(context)


def test_who_only_captions_is_not_asked_to_draw(held_out):
    assert not CaptionDiversity().applies(
        context_of(drawing([], samples_captions=False), held_out, diversity=DiversityRequest())
    )
    assert not RuleCaptioner(run=None, checkpoint=None, system=SimpleNamespace(caption=list)).samples_captions


def test_families_refuse_what_they_never_answer_before_anything_else(rules):
    with pytest.raises(UserError, match=r"num_captions=3: rules have one .* temperature=1\.0"):
        rules.caption_options(num_captions=3)
    with pytest.raises(UserError, match="top_k=3: a captioner of rules searches no words"):
        rules.caption_options(top_k=3)
    assert rules.caption_options(num_captions=3, temperature=1.0).num_captions == 3


def test_an_ensemble_and_a_single_run_have_one_protocol():
    single = {"run": "a", "data": "scenes", "seed": 0}
    ensemble = single | {"run": "a+b", "members": [{"run": "a"}, {"run": "b"}]}
    assert differences(single, ensemble) == []
    assert differences({"with": single}, {"with": ensemble})


def test_rules_in_an_ensemble_are_refused_by_what_they_lack(rules):
    other = handle_for(rules.system)(run=SimpleNamespace(run_id="others"), checkpoint=None, system=rules.system)
    with pytest.raises(UserError, match="rules does not say captions token by token"):
        ensemble_of([rules, other])
