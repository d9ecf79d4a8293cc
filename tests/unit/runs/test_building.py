from types import SimpleNamespace

import pytest
import torch

from diptych.config import UserError
from diptych.config.composition import compose
from diptych.models.frozen_backbone import FrozenBackbone
from diptych.models.image_encoders import ConvEncoder
from diptych.runs.build import build_data, build_system
from diptych.runs.checkpoints import read_checkpoint
from diptych.runs.choice import check_components
from diptych.runs.restore import restore_system
from diptych.runs.training import train
from diptych.types import SPECIAL_TOKENS, DataSpec

UNOPENABLE = {"_target_": "tinyparts.UnopenableData"}


def test_networks_receive_the_facts_of_the_data(tiny):
    config = tiny("tiny_gan", "data.image_size=8", "data.channels=3")
    system = build_system(config, build_data(config).spec, {})
    assert system.generator.shape == (3, 8, 8)
    assert system.generator.layers[0].out_features == 8


def test_the_same_seed_builds_the_same_weights_whatever_was_drawn_before(tiny):
    config = tiny("tiny_gan", "tracking=none", "budget_images=32")
    torch.rand(7)
    first, _ = train(config)
    torch.rand(3)
    second, _ = train(config)
    weights = [torch.load(f.last, weights_only=True)["state_dict"] for f in (first, second)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["+generator.widht=3"], r"generator\.widht=3.*did you mean generator\.width"),
        (["generator.width=wide"], r"generator\.width='wide'.*needs int"),
        (["~generator.width", "+generator.width=null"], r"generator\.width=None"),
        (["~generator"], "no generator is chosen: add generator=…"),
        (["~generator", "+generator.width=3"], "is set, but no generator is chosen"),
        (["optimizer=adam"], r"optimizer is chosen, but TinyGAN has no place for it"),
        (["~optimizer@generator_optimizer"], r"add optimizer@generator_optimizer=… \(one of adam"),
        (["+generator_optimizer.betas2=1"], r"generator_optimizer\.betas2"),
        (["~system"], "no system is chosen"),
        (
            ["+parts.captioner.run=latest"],
            r"parts\.captioner is chosen, but TinyGAN has no place for it",
        ),
        (
            ["system._target_=tinyparts.Insisting", "+parts.captioner.run=latest"],
            r"parts\.captioner has scope=loss, .* and system cannot be built without: .* the default None",
        ),
        (
            ["+networks.latent_dim._target_=tinyparts.TinyGenerator"],
            r"networks\.latent_dim: latent_dim means something else",
        ),
        (["name=.."], r"name='\.\.' cannot name a folder"),
        (["name=''"], "name='' cannot name a folder"),
        (["name=../../elsewhere"], "cannot name a folder"),
        (["+callbacks.budget.images=3"], r"callbacks\.budget\.images"),
        (["mode=largest"], "mode='largest'"),
        (["budget_images=0"], "budget_images=0"),
    ],
)
def test_what_cannot_be_built_is_refused_before_data_are_loaded_or_anything_is_written(tiny, overrides, says, tmp_path):
    config = tiny("tiny_gan", *overrides) | {"data": UNOPENABLE}
    with pytest.raises(UserError, match=says):
        train(config)
    assert not (tmp_path / "outputs").exists()


def test_values_of_a_term_that_is_replaced_are_refused_with_the_term_to_name_or_to_drop():
    overrides = ["model=r3gan", "data=digits", "text_encoder=gru", "term=[contrastive,r2]"]
    with pytest.raises(UserError, match=r"terms\.r1=.* term=r1 is not chosen: .* term=\[…,r1\], .* ~terms\.r1"):
        check_components(compose(overrides))
    check_components(compose([*overrides, "~terms.r1"]))
    check_components(compose([*overrides[:-1], "term=[contrastive,r1,r2]"]))


@pytest.mark.parametrize("content", [b"", b"half a checkpoint", b"PK\x03\x04 half an archive"])
def test_a_damaged_checkpoint_is_named(tmp_path, content):
    path = tmp_path / "last.ckpt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"last\.ckpt cannot be read as a checkpoint"):
        read_checkpoint(path)


def test_data_are_checked_too(tiny):
    with pytest.raises(UserError, match=r"data\.batch_sise=3.*did you mean data\.batch_size"):
        check_components(tiny("tiny_gan", "+data.batch_sise=3"))
    with pytest.raises(UserError, match=r"no data is chosen: add data=… \(one of .*digits"):
        check_components(tiny("tiny_gan") | {"data": {}})


@pytest.fixture
def trained(tiny):
    folder, _ = train(tiny("tiny_gan", "tracking=none", "budget_images=32"))
    return folder


def test_a_checkpoint_is_enough_to_restore_a_system(trained):
    checkpoint = read_checkpoint(trained.last)
    system = restore_system(trained.last, trust=["tinyparts"])
    assert not system.training
    assert system.images_seen == 32
    assert system.data_spec.to_dict() == checkpoint["data_spec"]
    assert all(torch.equal(value, checkpoint["state_dict"][name]) for name, value in system.state_dict().items())


def test_restoring_leaves_the_global_randomness_alone(trained):
    before = torch.get_rng_state()
    restore_system(trained.last, trust=["tinyparts"])
    assert torch.equal(before, torch.get_rng_state())


def test_a_stranger_s_classes_are_not_restored_without_trust(trained):
    with pytest.raises(UserError, match="--trust tinyparts"):
        restore_system(trained.last)


def test_a_checkpoint_carries_what_it_takes_to_understand_it(trained):
    checkpoint = read_checkpoint(trained.last)
    assert checkpoint["config"] == trained.read_config()
    assert checkpoint["run_id"] == trained.run_id
    assert checkpoint["data_spec"]["vocabulary"][:4] == ["<pad>", "<bos>", "<eos>", "<unk>"]
    assert checkpoint["images_seen"] == 32


def test_other_files_are_not_taken_for_checkpoints(tmp_path):
    with pytest.raises(UserError, match="there is no checkpoint"):
        read_checkpoint(tmp_path / "none.ckpt")
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    with pytest.raises(UserError, match="not a checkpoint of diptych"):
        read_checkpoint(tmp_path / "other.ckpt")


def test_of_several_parts_with_an_image_encoder_the_first_is_the_backbone():
    config = compose(["model=dcgan", "data=scenes_demo", "discriminator=projected"])
    first, second = (ConvEncoder(image_size=32) for _ in range(2))
    parts = {name: SimpleNamespace(image_encoder=encoder) for name, encoder in (("one", first), ("other", second))}
    system = build_system(config, DataSpec("squares", 32, 3, SPECIAL_TOKENS, 4), parts)
    lent = [module.borrowed.network for module in system.modules() if isinstance(module, FrozenBackbone)]
    assert lent
    assert all(network is first for network in lent)
