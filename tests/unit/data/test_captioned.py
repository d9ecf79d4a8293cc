"""Training pictures of which a share has captions: which ones, and who learns from the others."""

import pickle
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from diptych.config import UserError
from diptych.config.composition import compose
from diptych.data.capability import capable
from diptych.data.captioned import PartlyCaptioned
from diptych.data.example import ExampleRequest, Ordered
from diptych.data.identity import Factual
from diptych.data.loading.stream import order_of
from diptych.data.membership import Identified, Identity
from diptych.data.wrapped import Wrapped
from diptych.runs.build import build_data
from diptych.runs.choice import check_components
from diptych.systems.training_captions import some_captions, training_captions

FLOW = ["model=flow", "data=digits", "data.image_size=32", "text_encoder=gru"]


def data_of(*overrides):
    data = build_data(compose([*FLOW, *overrides]))
    data.setup()
    return data


def test_of_finite_data_the_captioned_pictures_are_those_of_a_smaller_training_set():
    whole = data_of("data.captioned_share=0.1")
    size = whole.splits["train"].size
    few = data_of(f"data.train_size={round(0.1 * size)}").splits["train"]
    partly = whole.splits["train"]
    captioned = [partly[ExampleRequest(i)] for i in range(size) if partly.is_captioned(i)]
    assert [example.key for example in captioned] == [few[ExampleRequest(i)].key for i in range(few.size)]
    assert partly.captions_of(size - 1) == ()
    assert partly.captions_of(0) == few.captions_of(0)


def captioned_keys(data) -> set[str]:
    """Of the pictures of an open data set whose captions training may read."""
    partly = data.splits["train"]
    return {partly[ExampleRequest(i)].key for i in range(partly.size) if partly[ExampleRequest(i)].captioned}


def keys(data) -> set[str]:
    examples = data.splits["train"]
    return {examples[ExampleRequest(i)].key for i in range(examples.size)}


def opened(data):
    data.setup()
    return data


@pytest.mark.parametrize("fold", [{}, {"fold": 1, "num_folds": 3}])
def test_of_a_folder_the_captioned_pictures_are_those_of_a_smaller_training_set(fold, good_folder, folder_data):
    build = partial(folder_data, good_folder, **fold)
    partly = opened(build(captioned_share=0.5))
    few = opened(build(train_size=round(0.5 * partly.splits["train"].size)))
    assert captioned_keys(partly) == keys(few)


@pytest.mark.parametrize("fold", [[], ["data.fold=1", "data.num_folds=3"]])
def test_of_class_folders_every_class_has_its_share_of_captions(fold, tmp_path):
    for name, number in {"cat": 31, "dog": 19, "owl": 11}.items():
        (tmp_path / name).mkdir()
        for i in range(number):
            Image.new("RGB", (8, 8), (i, number, 0)).save(tmp_path / name / f"{i}.png")
    given = ["model=flow", "text_encoder=gru", "data=imagefolder", f"data.root={tmp_path}", "data.test_share=0", *fold]
    partly = opened(build_data(compose([*given, "data.captioned_share=0.3"])))
    few = opened(build_data(compose([*given, f"data.train_size={round(0.3 * partly.splits['train'].size)}"])))
    captioned = captioned_keys(partly)
    assert captioned == keys(few)
    assert {key.split("/")[0] for key in captioned} == {"cat", "dog", "owl"}


def test_of_endless_data_a_share_is_captioned_and_always_the_same():
    class Endless:
        size = None

    marks = [PartlyCaptioned(Endless(), 0.3).is_captioned(i) for i in range(4000)]
    assert sum(marks) / 4000 == pytest.approx(0.3, abs=0.03)
    assert marks == [PartlyCaptioned(Endless(), 0.3).is_captioned(i) for i in range(4000)]


def test_training_batches_say_who_is_captioned_and_others_do_not():
    data = data_of("data.captioned_share=0.5", "data.batch_size=64")
    marks = torch.cat([batch.captioned for batch, _ in zip(data.train_dataloader(), range(8), strict=False)])
    assert marks.float().mean() == pytest.approx(0.5, abs=0.1)
    assert next(iter(data.val_dataloader())).captioned is None
    assert next(iter(data_of().train_dataloader())).captioned is None
    first = next(iter(data.train_dataloader()))
    assert first.rows(slice(3, 5)).captioned.equal(first.captioned[3:5])


def test_whoever_reads_training_captions_reads_those_of_captioned_pictures():
    data = data_of("data.captioned_share=0.1")
    trainer = SimpleNamespace(datamodule=data)
    read = [said for captions in training_captions(trainer, data.spec, "me")(5) for said in captions]
    size = data.splits["train"].size
    assert len(read) == sum(len(data.splits["train"].captions_of(i)) for i in range(round(0.1 * size)))
    assert len(some_captions(trainer, 10)) == 1  # a tenth of those that it looks at


def test_a_share_of_no_picture_is_refused():
    with pytest.raises(ValueError, match=r"data\.captioned_share=0\.0001 of [\d,]+ pictures is none: give more"):
        data_of("data.captioned_share=0.0001")


@pytest.mark.parametrize("share", [-0.1, 1.0, 2.0])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match="is a share of pictures"):
        data_of(f"data.captioned_share={share}")


def test_systems_that_learn_nothing_from_pictures_alone_refuse():
    check_components(compose([*FLOW, "data.captioned_share=0.1"]))
    for model in ("dcgan", "cnn_rnn_attention", "classifier"):
        with pytest.raises(UserError, match="learns nothing from pictures without captions; choose system=flow"):
            check_components(compose([f"model={model}", "data=digits", "data.captioned_share=0.1"]))
    words = [word for word in FLOW if not word.startswith("text_encoder")]
    with pytest.raises(UserError, match="this run reads no captions: choose a text_encoder"):
        check_components(compose([*words, "data.captioned_share=0.1"]))
    words = ["experiment=demo/flow", "parts.captioner.run=x", "data.captioned_share=0.1"]
    with pytest.raises(UserError, match="text_pretraining reads the captions of all pictures"):
        check_components(compose(words))


class Known:
    """Examples that know more than they must."""

    size = 4

    def captions_of(self, index):
        return ("a",)

    def order(self, seed, number):
        return [3, 2, 1, 0]

    def identity_of(self, index):
        return Identity.of(str(index), b"")


@pytest.mark.parametrize("protocol", [Ordered, Factual, Identified])
def test_a_capability_is_asked_for_by_one_function_alone(protocol):
    """From Python 3.12 on `isinstance` would not see what a class hands on by `__getattr__`, so that it must fail."""
    with pytest.raises(TypeError):
        isinstance(Known(), protocol)


def test_what_wraps_examples_knows_all_that_they_know_in_every_process():
    whole = PartlyCaptioned(Wrapped(Known()), 0.5)
    for examples in (whole, pickle.loads(pickle.dumps(whole))):
        assert order_of(examples)(0, 0) == [3, 2, 1, 0]
        assert capable(examples, Identified) is examples
        assert capable(examples, Factual) is None
        assert examples.identity_of(2) == Known().identity_of(2)
        assert not hasattr(examples, "facts_of")
