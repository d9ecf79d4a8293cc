"""One line for each wrong override: the key, the value and the fix that belongs to it."""

import os

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from diptych.config import UserError
from diptych.config.lightning_names import ANSWERS, lightning_answer
from diptych.config.override_errors import check_choices, composed
from diptych.config.overrides import readable


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("data.seed=a=b", "put two pairs of quotes around the value: \"data.seed='a=b'\""),
        ("data.seed=a&b", "put two pairs of quotes around the value: \"data.seed='a&b'\""),
        ("data.seed=[1,2", "data.seed=[1,2: a bracket or a quote in it does not close"),
        ("data.seed=range(1,x)", "data.seed=range(1,x): range(1,x) cannot be read: it takes no text there"),
        ("budget_images=1e5", "this key takes a whole number: write budget_images=100_000"),
        ("seed=null", "seed=null: this key needs a value"),
        ("callbacks.samples=7", "this is a group of keys; set one of them, as in callbacks.samples.KEY=7"),
        ("seed=1,2", "seed=1,2: several values are a sweep: add -m, or write seed=[1,2] for a list"),
        ("objective=minimax,hinge", "objective=minimax,hinge: several values are a sweep: add -m"),
        (
            "objective=[minimax,hinge]",
            "a run has one objective; to try several, add -m and write objective=minimax,hinge",
        ),
        ("optimizer@generator_optimizer=[adam,sgd]", "a run has one optimizer@generator_optimizer; to try several"),
        (
            "parts.embedding.run=x",
            "this model borrows no embedding; add +parts.embedding.run=… +parts.embedding.task=embedding",
        ),
        ("freeze=generator", "freeze=generator: this key takes a list: write freeze=[generator]"),
        ("batch_size=3", "did you mean data.batch_size?"),
        ("generator.lr=1", "did you mean generator_optimizer.lr?"),
        ("budget=1_000", "did you mean budget_images?"),
        ("data.root=x", "there is no data.root to set; data has image_size, channels"),
        ("system.no_such=1", "there is no system.no_such to set; system has"),
        ("trainer.gradient_clip_val=1", "a name of Lightning's Trainer; use system.max_grad_norm"),
        ("+trainer.gradient_clip_val=1", "a name of Lightning's Trainer; use system.max_grad_norm"),
        ("trainer.accumulate_grad_batches=4", "and system.micro_batch_size for as many of its examples as fit"),
        ("max_epochs=3", "use budget_images"),
        (
            "schedule=null",
            "schedule=null: choose one of constant, cosine, cosine_to_quarter, linear, trapezoid, or leave it out",
        ),
        ("generator=NULL", "generator=NULL: choose one of"),
        ("text_encoder=null", "or leave it out with ~text_encoder"),
        ("optimizer@generator_optimizer=null", "adam, adamw, sgd, or leave it out with ~optimizer@generator_optimizer"),
    ],
)
def test_a_wrong_override_is_answered_in_one_line(override, says):
    with pytest.raises(UserError) as caught:
        composed(["model=dcgan", "data=digits", override])
    said = str(caught.value)
    assert says in said
    assert "\n" not in said
    assert not any(word in said for word in ("Exception", "Error ", "token recognition", "viable", "NoneType"))


def test_a_misspelt_key_is_answered_where_another_value_is_still_missing():
    with pytest.raises(UserError, match=r"there is no data\.roots to set; did you mean data\.root\?"):
        composed(["model=cnn_rnn", "data=folder", "data.roots=x"])


def test_groups_of_ones_own_folder_have_no_null_either(tmp_path):
    (tmp_path / "flavour").mkdir()
    (tmp_path / "flavour" / "sweet.yaml").touch()
    with pytest.raises(UserError, match="flavour=null: choose one of sweet, or leave it out with ~flavour"):
        check_choices(["+flavour=null"], tmp_path)


@pytest.mark.parametrize("name", ANSWERS)
def test_no_answer_names_a_key_that_exists_already(name):
    with pytest.raises(UserError, match=f"there is no trainer.{name} to set"):
        composed(["model=mlp_gan", "data=digits", f"trainer.{name}=1"])
    assert lightning_answer(f"trainer.{name}").endswith(ANSWERS[name])


@pytest.mark.parametrize(
    "override",
    [
        "budget_images=1",
        "data.batch_size=1",
        "validate_every_images=1",
        "paths.outputs=x",
        "~callbacks.checkpoints",
        "callbacks.progress.quiet=true",
        "debug=one_step",
        "debug=overfit_batch",
        "trainer.devices=1",
        "system.max_grad_norm=1",
        "system.micro_batch_size=4",
        "trainer.max_val_batches=1",
        "callbacks.metrics_log.every_images=1",
        "tracking=csv",
        "monitor=null",
    ],
)
def test_every_key_of_an_answer_can_be_set(override):
    assert any(override.partition("=")[0] in answer for answer in ANSWERS.values())
    composed(["model=mlp_gan", "data=digits", override])


@pytest.mark.parametrize("home", ["/home/somebody", "/home/some body (2)=x"])
def test_a_home_folder_is_written_in_full_as_hydra_reads_it(monkeypatch, home):
    monkeypatch.setenv("HOME", home)
    for written, means in {
        "data.root=~/pics": f"{home}/pics",
        "data.root=~": home,
        "x=[~/a,~/b]": [f"{home}/a", f"{home}/b"],
        "x={train:~/a}": {"train": f"{home}/a"},
        "x='~/a'": "~/a",
        "x=a~b": "a~b",
    }.items():
        if "a~b" not in written:
            assert OverridesParser.create().parse_override(readable(written)).value() == means
        else:
            assert readable(written) == written
    assert readable("~callbacks.samples") == "~callbacks.samples"


def test_a_choice_may_contain_null():
    override = OverridesParser.create().parse_override(readable("x=choice(null,32)"))
    assert list(override.sweep_iterator()) == [None, 32]
    assert readable("x=choice(1,2)") == "x=choice(1,2)"


def test_a_home_folder_reaches_the_configuration():
    assert composed(["data=folder", "data.root=~/pics"])["data"]["root"] == os.path.expanduser("~/pics")


def test_a_list_is_not_advised_where_a_run_has_one():
    with pytest.raises(UserError) as caught:
        composed(["model=dcgan", "data=digits", "objective=minimax,hinge"])
    assert "list" not in str(caught.value)
