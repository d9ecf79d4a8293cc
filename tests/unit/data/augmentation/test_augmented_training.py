"""Training on augmented pictures: which batches are changed, exactly how, and what stays true of them."""

import logging
from itertools import islice
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from diptych.config import UserError
from diptych.config.composition import compose, options
from diptych.data.augmentation import training
from diptych.data.augmentation.examples import Augmented, applicable
from diptych.data.augmentation.training import augmented
from diptych.data.example import ExampleRequest
from diptych.data.labels import as_matrix, labels_of
from diptych.runs.build import build_data
from diptych.runs.checkpoints import read_checkpoint
from diptych.runs.folder.layout import digest_of
from diptych.runs.training import resume, train
from diptych.world import Judge, WorldSpec, canonical, hold_out_named, meaning, relation_between

ALL = dict.fromkeys(("flip", "crop", "rotation", "colour", "hue", "grey", "blur"), True)
MANY = WorldSpec(min_objects=1, max_objects=4, side=64)


@pytest.fixture(autouse=True)
def few_examined(monkeypatch):
    """Most tests do not look at what the log says of 2,000 scenes."""
    monkeypatch.setattr(training, "EXAMINED_OF_ENDLESS", 20)


def batches(data, number):
    return list(islice(data.train_dataloader(), number))


def same(one, other) -> bool:
    return (
        torch.equal(one.images, other.images)
        and one.keys == other.keys
        and one.scenes == other.scenes
        and torch.equal(one.tokens, other.tokens)
    )


def changed(one, other) -> torch.Tensor:
    """Which pictures of two batches differ."""
    return (one.images != other.images).flatten(1).any(1)


@pytest.fixture
def photographs(tmp_path, folder_data, write_jsonl):
    """A function that makes an open folder of ten pictures of noise with these captions, in turn."""

    def build(*captions: str, **changes):
        root = tmp_path / f"folder-{len(list(tmp_path.iterdir()))}"
        root.mkdir()
        for i in range(10):
            noise = torch.randint(256, (20, 20, 3), generator=torch.Generator().manual_seed(i), dtype=torch.uint8)
            Image.fromarray(noise.numpy()).save(root / f"{i}.png")
        rows = [{"file_name": f"{i}.png", "text": captions[i % len(captions)]} for i in range(10)]
        write_jsonl(root / "metadata.jsonl", rows)
        data = folder_data(root, **{"val_share": 0.2, "test_share": 0.0, "random_crop": False} | changes)
        data.setup("fit")
        return data

    return build


@pytest.mark.parametrize("nothing", [None, {}, {"flip": False, "crop": None}, {"flip": 0, "rotation": 0, "crop": 1}])
def test_without_an_operation_nothing_changes(scenes, nothing):
    assert all(map(same, batches(scenes(), 3), batches(scenes(augmentation=nothing), 3)))


def test_without_an_operation_runs_keep_the_digest_that_they_had_before_the_key():
    now = compose(["model=cnn_rnn", "data=scenes"])
    before = {**now, "data": {key: value for key, value in now["data"].items() if key != "augmentation"}}
    assert now["data"]["augmentation"] is None
    assert digest_of(now) == digest_of(before)
    assert digest_of(compose(["model=cnn_rnn", "data=scenes", "data.augmentation={flip: true}"])) != digest_of(before)


WHERE = {"folder": ["data.root=nowhere"], "imagefolder": ["data.root=nowhere"], "hf": ["data.root=nowhere"]}
"""What must be said of data that have no usual place."""
WHERE |= {"webdataset": ["data.shards=nowhere.tar"]}


@pytest.mark.parametrize("name", options("data"))
def test_every_data_set_takes_the_key(name):
    where = WHERE.get(name, [])
    data = build_data_unopened([f"data={name}", *where, "data.augmentation={flip: true, crop: 0.8}"])
    assert data.augmentation == {"flip": True, "crop": 0.8}
    with pytest.raises(ValueError, match=r"data\.augmentation\.flop: there is no such operation"):
        build_data_unopened([f"data={name}", *where, "data.augmentation={flop: true}"])


def build_data_unopened(overrides):
    from diptych.config.components import build

    config = compose(["model=cnn_rnn", *overrides])
    return build(config["data"], "data", {"seed": 0})


def test_training_changes_and_evaluation_does_not(scenes):
    plain, data = scenes(), scenes(augmentation=ALL)
    pairs = zip(batches(plain, 4), batches(data, 4), strict=True)
    assert torch.cat([changed(*pair) for pair in pairs]).float().mean() > 0.5
    for mine, theirs in zip(plain.val_dataloader(), data.val_dataloader(), strict=True):
        assert same(mine, theirs)


def test_a_finite_training_split_that_is_evaluated_is_seen_as_it_is(photographs):
    plain, data = photographs("a dog"), photographs("a dog", augmentation=ALL)
    for mine, theirs in zip(plain.evaluation_dataloader("train"), data.evaluation_dataloader("train"), strict=True):
        assert same(mine, theirs)
    assert all(changed(*pair).any() for pair in zip(batches(plain, 2), batches(data, 2), strict=True))


@pytest.mark.parametrize("kind", ["digits", "scenes"])
def test_the_pixels_depend_on_the_request_alone_for_any_workers_and_resume(kind, request):
    build = request.getfixturevalue(kind)
    chosen = {"rotation": 5, "blur": 0.02, "crop": 0.96, "colour": 0.1}
    whole = batches(build(augmentation=chosen, seed=3), 6)
    assert all(map(same, whole, batches(build(augmentation=chosen, seed=3, num_workers=2), 6)))
    resumed = build(augmentation=chosen, seed=3, num_workers=2)
    resumed.load_state_dict({"batches": 4})
    assert all(map(same, whole[4:], batches(resumed, 2)))
    other = batches(build(augmentation=chosen, seed=4), 1)[0]
    assert not torch.equal(whole[0].images, other.images)


def test_neither_the_batch_size_nor_the_number_of_devices_changes_a_picture(scenes):
    def pixels(batch_size, rank=0, world_size=1):
        data = scenes(augmentation=ALL, batch_size=batch_size)
        data.trainer = SimpleNamespace(global_rank=rank, world_size=world_size)
        return torch.cat([batch.images for batch in batches(data, 48 // batch_size)])

    whole = pixels(12)
    assert torch.equal(whole, pixels(1))
    assert torch.equal(whole, pixels(16))
    halves = [pixels(12, rank, 2).unflatten(0, (4, 6)) for rank in range(2)]
    assert torch.equal(whole, torch.cat(halves, dim=1).flatten(0, 1))


def test_adding_an_operation_leaves_the_numbers_of_the_others(photographs):
    one, both = (photographs("a dog", augmentation=chosen) for chosen in ({"grey": 0.5}, {"grey": 0.5, "colour": 0.3}))
    grey = [torch.equal(image[0], image[1]) for batch in batches(one, 4) for image in batch.images]
    also = [torch.allclose(image[0], image[1], atol=1e-6) for batch in batches(both, 4) for image in batch.images]
    assert grey == also
    assert 0 < sum(grey) < len(grey)


def test_pictures_are_changed_where_all_their_captions_allow_it(photographs):
    captions = "a dog", ["a dog", "it looks to the left"], "ein Hund mit Ball"
    data, plain = photographs(*captions, augmentation={"flip": 1}), photographs(*captions)
    for mine, theirs in zip(batches(data, 4), batches(plain, 4), strict=True):
        free = torch.tensor([references == ("a dog",) for references in mine.references])
        assert changed(mine, theirs).equal(free)
        assert torch.equal(mine.images[free], theirs.images[free].flip(3))


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("world", [WorldSpec(min_objects=1), MANY], ids=["few", "many"])
def test_what_is_said_of_augmented_scenes_stays_true(scenes, world, language):
    chosen = {"world": world, "languages": (language,), "complete_prob": 0.3, "batch_size": 50}
    plain, data = scenes(**chosen), scenes(**chosen, augmentation=ALL)
    moved = 0
    for before, batch in zip(batches(plain, 6), batches(data, 6), strict=True):
        for first, scene, said in zip(before.scenes, batch.scenes, batch.sentences, strict=True):
            assert all(meaning(sentence, (language,)).entailed_by(scene) for sentence in said)
            assert canonical(scene) == canonical(first)
            moved += scene != first
        assert batch.labels.equal(as_matrix([labels_of(scene, world) for scene in batch.scenes], data.spec.labels))
    assert moved > 100


def test_no_hold_out_is_shown_by_augmented_scenes(scenes):
    spec = WorldSpec(min_objects=1, max_objects=4, side=64, colours=("red", "blue"))
    chosen = {"world": spec, "hold_out": "relation_order", "complete_prob": 0.0, "batch_size": 50}
    held = hold_out_named("relation_order", spec)
    seen = [scene for batch in batches(scenes(**chosen, augmentation=ALL | {"flip": 1}), 4) for scene in batch.scenes]
    assert not any(map(held.holds, seen))


def test_scenes_are_mirrored_where_no_object_is_beside_another(scenes):
    plain, data = scenes(), scenes(augmentation={"flip": 1})
    flipped = 0
    for before, batch in zip(batches(plain, 10), batches(data, 10), strict=True):
        for first, is_flipped in zip(before.scenes, changed(before, batch).tolist(), strict=True):
            pairs = [relation_between(a, b) for a in first.objects for b in first.objects if a is not b]
            assert is_flipped == (not {"left_of", "right_of"} & set(pairs))
            flipped += is_flipped
    assert flipped > 20


@pytest.mark.slow
@pytest.mark.parametrize("world", [WorldSpec(min_objects=1), MANY], ids=["few", "many"])
def test_the_judge_reads_augmented_scenes_as_their_captions_say(scenes, world):
    data = scenes(world=world, augmentation=ALL | {"crop": 0.5}, batch_size=100)
    matches = []
    for batch in batches(data, 5):
        claims = [meaning(said[0], ("en",)) for said in batch.sentences]
        matches += [verdict.matches for verdict in Judge(world).verdicts(batch.images, claims)]
    assert sum(matches) / len(matches) >= 0.995


def test_the_log_says_once_how_many_pictures_each_operation_applies_to(photographs, caplog):
    caplog.set_level(logging.INFO, "diptych")
    data = photographs(
        "a dog", "a dog on the left", "a red dog", augmentation={"flip": True, "colour": 0.1, "hue": True}
    )
    said = [data.splits["train"].captions_of(i)[0] for i in range(data.splits["train"].size)]
    flips, colours = (sum(word not in caption for caption in said) for word in ("left", "red"))
    batches(data, 2)
    counts = [line for line in caplog.messages if line.startswith("data.augmentation")]
    told = f"flip applies to {flips}, colour applies to {colours}, hue applies to {colours}"
    rest = "of the others somebody says what it may change"
    assert counts == [f"data.augmentation: of {len(said)} training pictures, {told}; {rest}"]


def test_the_log_of_endless_data_counts_the_first_ones(scenes, caplog, monkeypatch):
    monkeypatch.undo()
    caplog.set_level(logging.INFO, "diptych")
    batches(scenes(augmentation={"crop": 0.5, "grey": True}), 1)
    assert "of 2,000 training pictures looked at, crop applies to 2,000, grey applies to 0;" in caplog.text
    assert "data.augmentation.grey changes nothing: captions or labels of all these pictures forbid it" in caplog.text


def test_a_language_without_words_is_warned_of_once(photographs, caplog):
    data = photographs("koira juoksee", augmentation={"flip": True, "rotation": 5}, languages=("fi",))
    batches(data, 3)
    assert caplog.text.count("no list of words of 'fi'") == 1
    assert "flip changes nothing" in caplog.text


def cranes(root, *overrides):
    """Two classes that are both called crane, and a third one whose name forbids a change of hue."""
    for number, name in enumerate(("n01", "n02", "n03")):
        (root / name).mkdir()
        for i in range(4):
            Image.new("RGB", (20, 20), (90 * number, 10 * i, 0)).save(root / name / f"{i}.png")
    (root / "names.txt").write_text("n01 crane\nn02 crane\nn03 red panda\n")
    where = [f"data.root={root}", f"data.classes={root / 'names.txt'}", "data.val_share=0", "data.test_share=0"]
    data = build_data(compose(["model=flow", "text_encoder=gru", "data=imagefolder", *where, *overrides]))
    data.setup()
    return data


@pytest.mark.parametrize("share", ["null", "0.5", "0"])
def test_the_log_counts_what_training_asks_labels_as_well(share, tmp_path, caplog):
    caplog.set_level(logging.INFO, "diptych")
    data = cranes(tmp_path, f"data.captioned_share={share}", "data.augmentation={flip: true, hue: true}")
    examples = augmented(data.splits["train"], data.augmentation, data.spec, 0)
    asked = [
        applicable(examples.operations, examples.claims.of_example(example, examples.labels_of(index)))
        for index in range(12)
        for example in [examples.examples[ExampleRequest(index, index)]]
    ]
    flips, hues = (sum(name in {each.name for each in row} for row in asked) for name in ("flip", "hue"))
    assert (flips, hues) == (12, 8)
    assert f"of 12 training pictures, flip applies to {flips}, hue applies to {hues};" in caplog.text


def test_the_folder_that_tells_two_classes_of_one_name_apart_says_nothing(tmp_path):
    data = cranes(tmp_path, "data.augmentation={flip: 1}", "data.batch_size=12")
    plain = [data.splits["train"][ExampleRequest(i)].labels for i in range(12)]
    assert ("crane (n01)",) in plain
    examples = augmented(data.splits["train"], data.augmentation, data.spec, 0)
    assert all(examples[ExampleRequest(i, i)].view is not None for i in range(12))


def test_digits_are_never_mirrored(digits):
    data = digits(augmentation={"flip": 1, "rotation": 5})
    examples = augmented(data.splits["train"], data.augmentation, data.spec, 0)
    assert isinstance(examples, Augmented)
    views = [examples[ExampleRequest(i, i)].view for i in range(200)]
    assert all(step[0].name == "rotation" for view in views for step in view.steps)


def test_pictures_without_captions_are_augmented_and_stay_without():
    overrides = ["model=flow", "data=digits", "data.image_size=32", "text_encoder=gru", "data.captioned_share=0.5"]
    data = build_data(compose([*overrides, "data.augmentation={flip: 1}", "data.batch_size=32"]))
    data.setup()
    plain = build_data(compose([*overrides, "data.batch_size=32"]))
    plain.setup()
    for mine, theirs in zip(batches(data, 3), batches(plain, 3), strict=True):
        assert mine.captioned.equal(theirs.captioned)
        assert not (changed(mine, theirs) & mine.captioned).any()
        assert (changed(mine, theirs) | mine.captioned).all()


def test_a_run_resumed_in_its_middle_learns_as_an_undisturbed_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path / "outputs"))
    small = [
        "model=cnn_rnn",
        "tracking=csv",
        "trainer.threads=1",
        "data=scenes",
        "data.batch_size=4",
        "data.val_size=4",
    ]
    small += ["validate_every_images=8", "callbacks.progress.quiet=true", "image_encoder.num_halvings=2"]
    small += ["data.num_workers=2", "data.augmentation={flip: true, crop: 0.8, colour: 0.2, rotation: 5}"]
    stopped, _ = train(compose([*small, "budget_images=8"]))
    resume(stopped, ["budget_images=16"])
    whole, _ = train(compose([*small, "budget_images=16", "data.num_workers=0"]))
    one, other = (read_checkpoint(run.last)["state_dict"] for run in (stopped, whole))
    assert all(torch.equal(one[key], other[key]) for key in other)
    with pytest.raises(UserError, match=r"data\.augmentation.* cannot change"):
        resume(stopped, ["budget_images=24", "data.augmentation=null"])
