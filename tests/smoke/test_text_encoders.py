"""Every text encoder trains, is resumed exactly, and generates from its checkpoint alone."""

from pathlib import Path

import pytest
import torch
from small_data import described_table
from tiny_transformers import KINDS

import diptych
from diptych.cli.main import main
from diptych.config import UserError
from diptych.config.composition import compose
from diptych.runs.training import resume, train
from sameness import differences

CONF = Path(__file__).resolve().parents[2] / "conf" / "text_encoder"
ELSEWHERE = ("rnn", "gru", "lstm", "gru_pooled", "gru_whitened")  # test_exact_resume.py has one of each kind
ENCODERS = sorted(path.stem for path in CONF.glob("*.yaml") if path.stem not in (*ELSEWHERE, *KINDS, "columns"))
SMALL = (
    "model=dcgan",
    "generator.width=4",
    "discriminator.width=4",
    "data=scenes_demo",
    "data.batch_size=8",
    "data.val_size=8",
    "data.num_workers=0",
    "validate_every_images=8",
    "callbacks.metrics_log.every_images=8",
    "system.ema_half_life_images=16",
    "tracking=csv",
    "trainer.threads=1",
    "callbacks.progress.quiet=true",
)
SENTENCE = "a large red circle above a small blue square"
OTHER = "a small blue circle left of a large red square"
VECTORS = "red 1 0 0.5\nblue 0 1 0.5\ncircle 0.5 0.5 0\nsquare -1 0 1\n"


@pytest.fixture(autouse=True)
def _outputs_are_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path / "outputs"))


@pytest.mark.parametrize("name", ENCODERS)
def test_it_generates_from_its_checkpoint_and_is_resumed_exactly(name, tmp_path):
    overrides = [*SMALL, f"text_encoder={name}"]
    whole, _ = train(compose([*overrides, "budget_images=16"]))
    parted, _ = train(compose([*overrides, "budget_images=8"]))
    assert main(["generate", str(parted.path), SENTENCE, OTHER, "-n", "1", "--out", str(tmp_path / "images")]) == 0
    assert len({file.read_bytes() for file in tmp_path.glob("images/*.png")}) == 2
    resume(parted, ["budget_images=16"])
    assert differences(learned(parted), learned(whole)) == []


def test_values_of_a_table_generate_from_their_checkpoint_and_are_resumed_exactly(tmp_path):
    table = described_table(tmp_path / "table")
    overrides = [*(each for each in SMALL if not each.startswith("data")), *table, "data.batch_size=8"]
    overrides.append("text_encoder=columns")
    whole, _ = train(compose([*overrides, "budget_images=16"]))
    parted, _ = train(compose([*overrides, "budget_images=8"]))
    said = ["colour: red; size: small", "size: large"]
    assert main(["generate", str(parted.path), *said, "-n", "1", "--out", str(tmp_path / "images")]) == 0
    assert len({file.read_bytes() for file in tmp_path.glob("images/*.png")}) == 2
    resume(parted, ["budget_images=16"])
    assert differences(learned(parted), learned(whole)) == []


def learned(folder):
    """Networks, optimisers, progress and the randomness of training."""
    checkpoint = torch.load(folder.last, weights_only=True)
    return {key: checkpoint[key] for key in ("state_dict", "optimizer_states", "images_seen", "system_rng")}


def test_word_frequencies_reach_every_copy_of_an_encoder():
    folder, _ = train(compose([*SMALL, "text_encoder=tfidf", "debug=one_step"]))
    state = torch.load(folder.last, weights_only=True)["state_dict"]
    rarities = {name: weight for name, weight in state.items() if name.endswith(".rarity")}
    assert len(rarities) == 3  # the generator's, its average's and the discriminator's
    first = rarities["text_encoder.rarity"]
    assert all(torch.equal(first, other) for other in rarities.values())
    words = diptych.load(folder.path).vocabulary
    assert first[4 + words.index("red")] < first[4 + words.index("picture")]  # of a frequent word and a rare one


def test_vectors_of_a_file_reach_every_copy_and_are_needed_once(tmp_path):
    file = tmp_path / "vectors.txt"
    file.write_text(VECTORS)
    encoder = ["text_encoder=embedding", f"text_encoder.vectors={file}", "text_encoder.sentence_dim=3"]
    folder, _ = train(compose([*SMALL, *encoder, "text_encoder.frozen=true", "budget_images=8"]))
    file.unlink()
    state = torch.load(folder.last, weights_only=True)["state_dict"]
    red = 4 + diptych.load(folder.path).vocabulary.index("red")
    vectors = [weight[red].tolist() for name, weight in state.items() if name.endswith("text_encoder.embedding.weight")]
    assert vectors == 2 * [[1, 0, 0.5]]
    resume(folder, ["budget_images=16"])
    assert len(diptych.load(folder.path).generate([SENTENCE])) == 1


def test_the_oracle_knows_the_words_of_its_world_only():
    folder, _ = train(compose([*SMALL, "text_encoder=attributes", "debug=one_step"]))
    with pytest.raises(UserError, match="'redd'"):
        diptych.load(folder.path).generate(["a redd circle"])


def test_the_oracle_refuses_data_without_a_world():
    with pytest.raises(ValueError, match=r"text_encoder=attributes .* data digits has none"):
        train(compose(["model=dcgan", "data=digits", "text_encoder=attributes", "debug=one_step"]))
