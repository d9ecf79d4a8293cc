"""Training pictures of which a share has captions: which ones, and who learns from the others."""

from types import SimpleNamespace

import pytest
import torch

from diptych.config import UserError
from diptych.config.composition import compose
from diptych.data.captioned import PartlyCaptioned
from diptych.data.example import ExampleRequest
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
