"""`diptych.compose` says what the command line says, and leaves Hydra as it was found."""

import sys
from pathlib import Path

import hydra
import pytest
from hydra.core.global_hydra import GlobalHydra

import diptych
from diptych.cli.main import main
from diptych.config import UserError
from diptych.config.composition import options

GAN = ("model=mlp_gan", "data=digits")
WRONG = [
    ["model=mlp_gan", "data=digts"],
    [*GAN, "generator.widht=3"],
    [*GAN, "generatr=mlp"],
    [*GAN, "budget_images=many"],
    [*GAN, "budget_images=0"],
    [*GAN, "trainer.max_epochs=3"],
    [*GAN, "seed=0,1"],
    [*GAN, "+sed=7"],
    [*GAN, "name=[a"],
    [*GAN, "optimizer=adam"],
    [*GAN, "mode=largest"],
    [*GAN, "init_from=nothing"],
    [*GAN, "system.mismatch_weight=0.5"],
    [*GAN, "trainer.devices=2"],
    [*GAN, "data.batch_size=7", "trainer=ddp", "trainer.devices=2"],
    ["model=mlp_gan"],
    ["model=layered_gan", "data=scenes_demo"],
    ["model=layered_gan", "data=scenes_demo", "parts.captioner.run=nothing"],
    ["data=digits"],
    ["nonsense"],
    [],
]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DIPTYCH_OUTPUTS", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "argv", ["pytest"])


@pytest.mark.parametrize("overrides", WRONG, ids=" ".join)
def test_what_cannot_run_is_refused_in_the_command_line_s_words(overrides, capsys):
    assert main(["train", *overrides]) == 2
    said = capsys.readouterr().err
    with pytest.raises(UserError) as refused:
        diptych.compose(overrides)
    assert f"diptych train: {refused.value}\n" in said
    assert not GlobalHydra.instance().is_initialized()


def test_it_composes_again_and_again():
    first, second = diptych.compose(GAN), diptych.compose([*GAN, "generator.latent_dim=64"])
    with pytest.raises(UserError):
        diptych.compose([*GAN, "generator.latent_dim=wide"])
    assert diptych.compose(GAN) == first
    assert second["generator"]["latent_dim"] == 64 != first["generator"]["latent_dim"]


def test_hydra_of_the_user_s_own_goes_on(tmp_path):
    (tmp_path / "theirs" / "generator").mkdir(parents=True)
    (tmp_path / "theirs" / "app.yaml").write_text("colour: red\n")
    (tmp_path / "theirs" / "generator" / "foreign.yaml").write_text("width: 1\n")
    with hydra.initialize_config_dir(str(tmp_path / "theirs"), version_base="1.3"):
        assert hydra.compose("app").colour == "red"
        config = diptych.compose(GAN)
        with pytest.raises(UserError, match=r"no generator is chosen: add generator=… \(one of attngan, "):
            diptych.build({**config, "generator": {}})
        assert "foreign" not in options("generator")
        assert hydra.compose("app", ["colour=blue"]).colour == "blue"
    assert not GlobalHydra.instance().is_initialized()


def test_configs_and_packages_are_found_where_one_stands(tmp_path, monkeypatch):
    folder = tmp_path / "a folder, with=odd 'names'"
    (folder / "generator").mkdir(parents=True)
    (folder / "generator" / "mine.yaml").write_text("_target_: own_package_found_here.Mine\n")
    text = (
        "from torch import nn\nclass Mine(nn.Module):\n    def __init__(self, *, image_size: int): super().__init__()\n"
    )
    Path("own_package_found_here.py").write_text(text)
    config = diptych.compose([*GAN, "generator=mine"], config_dir=folder)
    assert config["generator"] == {"_target_": "own_package_found_here.Mine"}
    with pytest.raises(UserError, match=r"one of .*mine"):
        diptych.compose([*GAN, "~generator"], config_dir=str(folder))


def test_what_is_no_list_of_overrides_is_named(tmp_path):
    with pytest.raises(UserError, match=r"compose\(\['model=mlp_gan', 'data=digits'\]\)"):
        diptych.compose("model=mlp_gan data=digits")
    with pytest.raises(UserError, match="--config-dir is an option of the command line"):
        diptych.compose(["--config-dir", "my_conf"])
    with pytest.raises(UserError, match="config_dir='nowhere': there is no such folder"):
        diptych.compose(GAN, config_dir="nowhere")
