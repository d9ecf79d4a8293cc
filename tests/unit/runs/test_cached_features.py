"""Training on cached features is training on pictures, but that no picture is opened."""

import logging
import tarfile
from pathlib import Path

import pytest
import torch
from layouts import write_layout
from PIL import Image

import diptych
from diptych.config import UserError
from diptych.config.composition import compose
from diptych.data.feature_cache.store import ABOUT, FEATURES, FeatureStore
from diptych.models.mobilenets import MobileNetV1
from diptych.runs.assembly import assemble
from diptych.runs.build import build_data
from diptych.runs.training import check, resume, train

COMMON = [
    *("model=cnn_rnn_attention", "data=folder", "image_encoder=mobilenet_v1", "cache_features=true", "tracking=none"),
    *("data.image_size=40", "data.random_crop=false", "data.num_workers=0", "data.batch_size=4", "budget_images=8"),
    *("data.captions_per_image=2", "caption_decoder.hidden_dim=8", "image_encoder.input_size=64"),
]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DIPTYCH_CACHE", raising=False)
    root = tmp_path / "data"
    root.mkdir()
    write_layout(root, "flickr8k")
    for number, path in enumerate(sorted(root.rglob("*.jpg"))):
        noise = torch.randint(256, (48, 56, 3), generator=torch.Generator().manual_seed(number), dtype=torch.uint8)
        Image.fromarray(noise.numpy()).save(path)
    torch.manual_seed(0)
    torch.save(MobileNetV1(weights=None, finetune=True).state_dict(), tmp_path / "weights.pt")
    return tmp_path


def configured(folder: Path, *overrides: str):
    places = [f"data.root={folder / 'data'}", f"image_encoder.weights={folder / 'weights.pt'}"]
    return compose([*COMMON, *places, *overrides])


def assembled(config):
    return assemble(config, lambda: build_data(config), dict)


def stores(folder: Path) -> list[Path]:
    return sorted((folder / "data" / ".diptych").glob("features-*"))


def first_batches(data, number: int):
    return [batch for batch, _ in zip(data.train_dataloader(), range(number), strict=False)]


@pytest.mark.parametrize("flip", ["null", "{flip: 0.5}"])
def test_cached_and_direct_features_agree_to_half_precision(folder, flip):
    config = configured(folder, f"data.augmentation={flip}")
    cached = assembled(config)
    direct = assembled({**config, "cache_features": False})
    pairs = list(zip(first_batches(cached.data, 6), first_batches(direct.data, 6), strict=True))
    pairs += zip(cached.data.val_dataloader(), direct.data.val_dataloader(), strict=True)
    for stored, seen in pairs:
        with torch.no_grad():
            features = direct.system.eval().image_encoder(seen.images)
        assert stored.pooled.dtype == torch.float16
        assert stored.images.numel() == 0
        torch.testing.assert_close(stored.features.pooled, features.pooled, rtol=2e-3, atol=2e-3)
        torch.testing.assert_close(stored.features.regions, features.regions, rtol=2e-3, atol=2e-3)
        assert (stored.keys, stored.sentences) == (seen.keys, seen.sentences)
        assert torch.equal(stored.tokens, seen.tokens)
    assert len(stores(folder)) == (1 if flip == "null" else 2)


def test_training_on_cached_features_opens_no_picture_and_learns_the_same(folder, monkeypatch):
    config = configured(folder, "budget_images=48", "callbacks.samples=null", "validate_every_images=48")
    assembled(config)
    direct, _ = train({**config, "cache_features": False})
    monkeypatch.setattr(MobileNetV1, "forward", _forward_of_a_blank_picture(MobileNetV1.forward))
    cached, _ = train(config)
    one, other = (_decoder_weights(run) for run in (direct, cached))
    assert all(torch.allclose(one[name], other[name], atol=2e-3) for name in one)
    assert one.keys() == other.keys()


def _forward_of_a_blank_picture(forward):
    def checked(self, images):
        assert not images.any(), "a picture was encoded though its features are cached"
        return forward(self, images)

    return checked


def _decoder_weights(run):
    state = torch.load(run.checkpoint("last"), weights_only=True)["state_dict"]
    return {name: value for name, value in state.items() if name.startswith("caption_decoder")}


def test_a_checkpoint_captions_alone(folder):
    run, _ = train(configured(folder))
    (folder / "weights.pt").unlink()
    for store in stores(folder):
        (store / FEATURES).unlink()
    captioner = diptych.load(run.path)
    pictures = [Image.open(path) for path in sorted((folder / "data").rglob("*.jpg"))[:2]]
    assert all(caption.text for caption in captioner.caption(pictures))
    before = torch.load(run.checkpoint("last"), weights_only=True)["state_dict"]
    assert before["image_encoder.features.0.c.weight"].abs().sum() > 0


def test_a_run_resumes_though_the_file_of_weights_is_gone(folder, caplog):
    run, _ = train(configured(folder, "callbacks.samples=null", "schedule=constant"))
    (folder / "weights.pt").unlink()
    caplog.set_level(logging.INFO, logger="diptych")
    resume(run, ["budget_images=24"])
    assert run.read_status().images_seen == 24
    assert "all computed before" in caplog.text
    assert len(stores(folder)) == 1


def test_the_checkpoint_has_the_weights_of_the_file_though_no_picture_is_seen_again(folder):
    config = configured(folder, "callbacks.samples=null")
    assembled(config)
    run, _ = train(config)
    state = torch.load(run.checkpoint("last"), weights_only=True)["state_dict"]
    given = torch.load(folder / "weights.pt", weights_only=True)
    assert all(torch.equal(state[f"image_encoder.{name}"], value) for name, value in given.items())


def test_a_sweep_shares_one_cache_and_a_run_says_what_it_uses(folder, caplog):
    caplog.set_level(logging.INFO, logger="diptych")
    assembled(configured(folder))
    assert "12 computed now" in caplog.text
    caplog.clear()
    assembled(configured(folder, "caption_decoder.hidden_dim=9", "seed=3", "data.captions_per_image=1"))
    assert "12 plain pictures, 4 regions of 256 numbers, 0.00 GB" in caplog.text
    assert "all computed before" in caplog.text
    assert len(stores(folder)) == 1
    assert (stores(folder)[0] / ABOUT).is_file()


def test_a_changed_picture_has_a_row_of_its_own(folder, caplog):
    caplog.set_level(logging.INFO, logger="diptych")
    assembled(configured(folder))
    picture = next(path for path in sorted((folder / "data").rglob("*.jpg")))
    Image.new("RGB", (48, 48), (200, 30, 10)).save(picture)
    caplog.clear()
    assembled(configured(folder))
    assert "1 computed now" in caplog.text


@pytest.mark.parametrize("change", ["image_encoder.input_size=96", "data.image_size=48", "image_encoder.grid_size=1"])
def test_another_transform_has_a_cache_of_its_own(folder, change):
    assembled(configured(folder))
    assembled(configured(folder, change))
    assert len(stores(folder)) == 2


def test_other_weights_have_a_cache_of_their_own_wherever_they_lie(folder):
    assembled(configured(folder))
    (folder / "weights.pt").rename(folder / "moved.pt")
    assembled(configured(folder, f"image_encoder.weights={folder / 'moved.pt'}"))
    assert len(stores(folder)) == 1
    torch.save(MobileNetV1(weights=None, finetune=True).state_dict(), folder / "weights.pt")
    assembled(configured(folder))
    assert len(stores(folder)) == 2


REFUSED = {
    "data.random_crop=true": "data.random_crop=true: cache_features=true keeps one view",
    "data.augmentation={flip: 0.5, crop: 0.8}": "data.augmentation.crop: cache_features=true keeps a picture and its",
    "system.pixel_noise=0.5": "system.pixel_noise=0.5: cache_features=true sees no pixels",
}


@pytest.mark.parametrize("override", REFUSED)
def test_what_features_cannot_do_is_refused_before_data_are_loaded(folder, override):
    with pytest.raises(UserError, match=REFUSED[override]):
        check(configured(folder, override))


def test_a_network_that_learns_is_refused_by_name(folder):
    with pytest.raises(UserError, match=r"image_encoder is not frozen, .*image_encoder.finetune=false"):
        assembled(configured(folder, "image_encoder.finetune=true"))


def test_a_system_that_looks_at_pictures_is_refused():
    with pytest.raises(UserError, match="Classifier looks at pictures, not at features"):
        check(compose(["model=classifier", "data=scenes_demo", "cache_features=true"]))


def test_data_without_files_are_refused(folder):
    kept = [value for value in COMMON if not value.startswith(("data=", "data.random_crop", "data.image_size"))]
    config = compose([*kept, "data=scenes_small", f"image_encoder.weights={folder}/weights.pt"])
    with pytest.raises(UserError, match="the train split of scenes is endless"):
        assembled(config)


def test_features_beyond_half_precision_are_refused(folder):
    state = torch.load(folder / "weights.pt", weights_only=True)
    network = configured(folder)
    state["features.0.c.weight"].fill_(float("inf"))
    torch.save(state, folder / "weights.pt")
    with pytest.raises(UserError, match="beyond half precision"):
        assembled(network)


def test_an_embedding_learns_from_cached_features(folder):
    kept = [value for value in COMMON if not value.startswith(("model=", "caption_decoder"))]
    places = [f"data.root={folder / 'data'}", f"image_encoder.weights={folder / 'weights.pt'}"]
    run, _ = train(compose(["model=embedding", *kept, *places, "system.pixel_noise=0.0"]))
    assert run.read_status().images_seen >= 8
    assert len(stores(folder)) == 1


def test_shards_are_cached_as_folders_are(folder):
    with tarfile.open(folder / "data" / "0.tar", "w") as tar:
        for number, path in enumerate(sorted((folder / "data").rglob("*.jpg"))):
            (folder / "text.txt").write_text(f"picture number {number}")
            tar.add(path, f"{number}.jpg")
            tar.add(folder / "text.txt", f"{number}.txt")
    kept = [value for value in COMMON if value != "data=folder"]
    places = [f"data.root={folder / 'data'}", "data.shards=0.tar", f"image_encoder.weights={folder / 'weights.pt'}"]
    config = compose([*kept, "data=webdataset", *places, "data.val_share=0.2"])
    cached, direct = assembled(config), assembled({**config, "cache_features": False})
    for stored, seen in zip(first_batches(cached.data, 2), first_batches(direct.data, 2), strict=True):
        assert stored.sentences == seen.sentences
        features = direct.system.eval().image_encoder(seen.images)
        torch.testing.assert_close(stored.features.regions, features.regions, rtol=2e-3, atol=2e-3)
    assert FeatureStore(stores(folder)[0], cached.data.cached["train"].plain.store.layout).places()
