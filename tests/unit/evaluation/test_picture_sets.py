"""Pictures of any origin against others: `diptych evaluate FOLDER --against FOLDER`, and files of statistics."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import linalg

from diptych.cli.main import main
from diptych.config import UserError
from diptych.config.composition import compose
from diptych.evaluation.generation.against import named_set
from diptych.evaluation.generation.picture_folder import folder_set
from diptych.evaluation.generation.reference_set import ReferenceSet
from diptych.evaluation.held_out import take_held_out
from diptych.evaluation.picture_sets import compare_folder, is_picture_folder
from diptych.evaluation.progress import silently
from diptych.metrics.pictures.frechet import gaussian_distance
from diptych.models.features import RandomFeatures

NUM, DIM = 60, 4
NETWORK = RandomFeatures(dim=DIM)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two folders of small pictures, the second one brighter, with a subfolder and a file that is no picture."""
    made = []
    for name, brightness in (("one", 0), ("two", 60)):
        folder = tmp_path_factory.mktemp(name) / name
        (folder / "inner").mkdir(parents=True)
        (folder / "notes.txt").write_text("no picture")
        rng = np.random.default_rng(brightness)
        for i in range(NUM):
            small = rng.integers(brightness, 180 + brightness, (4, 4, 3), dtype=np.uint8)
            picture = Image.fromarray(small).resize((32, 32), Image.Resampling.BICUBIC)
            picture.save(folder / ("inner" if i % 2 else ".") / f"{i:03d}.png")
        made.append(folder)
    return made


def vectors_in_float64(folder) -> np.ndarray:
    """As the network sees the files, read by nothing of ours."""
    paths = sorted(folder.rglob("*.png"))
    pixels = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])
    return NETWORK(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1).double().numpy()


def published_formula(first: np.ndarray, second: np.ndarray) -> float:
    """Heusel et al. 2017: |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^1/2), in float64."""
    means, covariances = zip(*((v.mean(axis=0), np.cov(v, rowvar=False)) for v in (first, second)), strict=True)
    root = linalg.sqrtm(covariances[0] @ covariances[1]).real
    return float(np.square(means[0] - means[1]).sum() + np.trace(sum(covariances) - 2 * root))


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr("diptych.evaluation.picture_sets.feature_network", lambda choice, config: NETWORK)


@pytest.mark.usefixtures("small")
def test_the_distance_of_two_folders_is_that_of_the_published_formula(folders):
    evaluation, _ = compare_folder(folders[0], str(folders[1]))
    expected = published_formula(*map(vectors_in_float64, folders))
    assert evaluation.figure("frechet_distance").value == pytest.approx(expected, rel=1e-6)
    assert evaluation.figure("kernel_distance").value > 0
    assert evaluation.protocol["against"]["data"] == "two"


@pytest.mark.usefixtures("small")
def test_the_distance_of_two_folders_is_torch_fidelity_s_with_the_same_extractor(folders):
    fidelity = pytest.importorskip("torch_fidelity", reason="torch-fidelity is not installed")
    from torch_fidelity.feature_extractor_base import FeatureExtractorBase

    class Extractor(FeatureExtractorBase):
        def __init__(self, name, features_list, **kwargs):
            super().__init__(name, features_list)

        @staticmethod
        def get_provided_features_list():
            return ("random",)

        @staticmethod
        def get_default_feature_layer_for_metric(metric):
            return "random"

        @staticmethod
        def can_be_compiled():
            return False

        @staticmethod
        def get_dummy_input_for_compile():
            return None

        def forward(self, pixels):
            return (NETWORK(pixels.float() / 127.5 - 1),)

    fidelity.register_feature_extractor("diptych-random", Extractor)
    theirs = fidelity.calculate_metrics(
        input1=str(folders[0]),
        input2=str(folders[1]),
        samples_find_deep=True,
        fid=True,
        feature_extractor="diptych-random",
        cuda=False,
        cache=False,
        verbose=False,
        save_cpu_ram=True,
    )["frechet_inception_distance"]
    evaluation, _ = compare_folder(folders[0], str(folders[1]))
    assert evaluation.figure("frechet_distance").value == pytest.approx(theirs, rel=1e-6)


def test_statistics_read_back_as_they_were_saved_and_say_what_they_are_of(folders, tmp_path):
    real = folder_set(folders[1], NETWORK, track=silently)
    again = ReferenceSet.load(real.save(tmp_path / "two.npz"))
    assert again.about == real.about
    assert (again.num, again.label) == (NUM, "60 images of two")
    assert {"network", "weights", "resize", "dim", "read"} <= again.about.keys()
    other = folder_set(folders[0], NETWORK, track=silently).vectors
    assert again.frechet_distance(other) == pytest.approx(real.frechet_distance(other), rel=1e-9)
    assert gaussian_distance(again.gaussian, real.gaussian) < 1e-9


def test_a_file_keeps_some_vectors_and_the_statistics_of_all(folders, tmp_path, monkeypatch):
    monkeypatch.setattr("diptych.evaluation.generation.reference_set.MOST_VECTORS", 10)
    real = folder_set(folders[1], NETWORK, track=silently)
    again = ReferenceSet.load(real.save(tmp_path / "two.npz"))
    assert (len(again.vectors), again.num) == (10, NUM)
    assert gaussian_distance(again.gaussian, real.gaussian) < 1e-9


def test_statistics_of_another_network_or_reading_are_refused_by_name(folders, tmp_path):
    real = folder_set(folders[1], NETWORK, track=silently)
    with pytest.raises(UserError, match=r"60 images of two have network 'random-0', not 'random-1'"):
        real.check_seen_by(RandomFeatures(seed=1, dim=DIM), read="as they are")
    with pytest.raises(UserError, match="have read 'as they are', not 'centre square, 8 px'"):
        real.check_seen_by(NETWORK, read="centre square, 8 px")
    for content in (b"", b"nothing", (folders[0] / "000.png").read_bytes()):
        (tmp_path / "bad.npz").write_bytes(content)
        with pytest.raises(UserError, match=r"bad\.npz holds no reference statistics .*--save-statistics"):
            ReferenceSet.load(tmp_path / "bad.npz")
    np.savez(tmp_path / "public.npz", mu=np.zeros(3), sigma=np.eye(3))
    with pytest.raises(UserError, match=r"public\.npz holds no reference statistics of diptych"):
        ReferenceSet.load(tmp_path / "public.npz")


def test_the_training_split_is_a_set_and_endless_data_have_spare_images_instead():
    config = compose(["data=digits", "data.test_size=700", "data.val_size=1000"])
    held_out = take_held_out(config, data=None, split="test", num=10)
    asked = {"config": config, "held_out": held_out, "track": silently}
    real = named_set("train", NETWORK, **asked)
    assert real.label == "97 images of digits (train)"
    with pytest.raises(UserError, match="--against nowhere: there is no such folder or file"):
        named_set("nowhere", NETWORK, **asked)
    with pytest.raises(UserError, match="--against train: these data are endless"):
        named_set("train", NETWORK, **{**asked, "config": compose(["data=scenes_demo"])})


def test_a_folder_s_pictures_are_read_as_those_of_a_run_where_it_stands_beside_one(folders):
    real = folder_set(folders[0], NETWORK, side=8, most=5, track=silently)
    assert (real.num, real.about["read"]) == (5, "centre square, 8 px")


def test_pictures_of_several_sizes_are_seen_one_by_one(tmp_path):
    for i, size in enumerate([(8, 8), (8, 8), (16, 8), (9, 12), (8, 8)]):
        Image.new("RGB", size, (50 * i, 0, 0)).save(tmp_path / f"{i}.png")
    together = folder_set(tmp_path, NETWORK, track=silently).vectors
    again = torch.stack([torch.full((3, 8, 8), -1.0) for _ in range(3)])
    again[:, 0] = torch.tensor([0, 50, 200])[:, None, None] / 127.5 - 1
    torch.testing.assert_close(together[[0, 1, 4]], NETWORK(again))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"broken\.png cannot be read as a picture"):
        folder_set(tmp_path, NETWORK, track=silently)


def test_a_handful_says_how_many_it_takes(folders, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "one.png")
    evaluation, _ = compare_folder(tmp_path, str(folders[0]))
    assert "1 generated and 60 real images are too few; it takes 40 of each" in evaluation.figures[0].note


def test_the_command_writes_a_table_and_files_only_where_it_is_asked_to(folders, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    one, two = map(str, folders)
    assert main(["evaluate", one, "--against", two, "--save-statistics", "two.npz", "--json"]) == 0
    (first,) = json.loads(capsys.readouterr().out)["evaluations"]
    assert main(["evaluate", one, "--against", "two.npz", "--json"]) == 0
    (second,) = json.loads(capsys.readouterr().out)["evaluations"]
    kernels = [next(f for f in e["figures"] if f["key"] == "kernel_distance")["value"] for e in (first, second)]
    assert kernels[0] == pytest.approx(kernels[1], rel=1e-9)
    assert [path.name for path in tmp_path.iterdir()] == ["two.npz"]
    for words, says in (
        ([one], "is a folder of pictures: --against FOLDER"),
        ([one, "latest", "--against", two], "others are runs"),
        ([one, "--against", two, "--data", "digits"], "--data goes with runs"),
        ([one, "--against", two, "--num", "7"], "--num goes with runs"),
        ([one, "--against", two, "--no-skills"], "--no-skills goes with runs"),
        ([one, "--against", two, "data.root=x"], "data.root=x goes with runs"),
        ([one, "--against", two, "truncation=0.7"], "truncation=0.7 goes with runs"),
        (["latest", "--save-statistics", "x.npz"], "--save-statistics saves the real pictures of --against"),
    ):
        assert main(["evaluate", *words]) == 2
        assert says in capsys.readouterr().err


def test_folders_of_runs_are_no_folders_of_pictures(folders, tmp_path):
    (tmp_path / "a" / "run").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "a" / "run" / "grid.png")
    assert is_picture_folder(str(tmp_path))
    (tmp_path / "a" / "run" / "config.yaml").touch()
    assert not any(is_picture_folder(str(path)) for path in (tmp_path, tmp_path / "a", tmp_path / "a" / "run"))
    assert not is_picture_folder("latest")
