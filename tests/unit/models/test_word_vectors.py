"""Word vectors from files, and their mean."""

import pytest
import torch

from diptych.models.text_encoders import WordVectorTextEncoder
from diptych.types import BOS_ID, EOS_ID, PAD_ID, SPECIAL_TOKENS, DataSpec, Sentences

SPEC = DataSpec("words", 8, 3, (*SPECIAL_TOKENS, "red", "circle", "zyx"), max_length=6)
GLOVE = "the 9 9 9\nred 1 2 3\n. . . 7 7 7\ncircle 3 -2 0.5\nred 8 8 8\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text(GLOVE)
    return path


def begun(**settings):
    """An encoder whose training begins."""
    encoder = WordVectorTextEncoder(data_spec=SPEC, sentence_dim=3, **settings)
    encoder.read_training_sentences(lambda _: pytest.fail("it needs no captions"))
    return encoder


def read(encoder, *rows):
    tokens = torch.tensor(rows)
    return encoder(Sentences(("",) * len(rows), tokens, tokens != PAD_ID))


def test_a_sentence_is_the_mean_of_its_words(file):
    text = read(begun(vectors=file), [BOS_ID, 4, 5, EOS_ID, PAD_ID], [BOS_ID, 4, 4, 5, EOS_ID])
    assert text.sentence.tolist()[0] == [2, 0, 1.75]
    assert text.sentence.tolist()[1] == pytest.approx([5 / 3, 2 / 3, 6.5 / 3])
    assert text.words[0, 1].tolist() == [1, 2, 3]


def test_a_sentence_without_words_is_zero(file):
    assert read(begun(vectors=file), [BOS_ID, EOS_ID]).sentence.tolist() == [[0, 0, 0]]


def test_missing_words_are_counted_and_said(file, caplog):
    begun(vectors=file)
    assert f"vectors={file} lacks 1 of the 3 words of the data, which begin at random: zyx" in caplog.text


def test_missing_words_begin_as_long_as_the_others(tmp_path):
    words = tuple(f"w{i}" for i in range(400))
    spec = DataSpec("many", 8, 3, (*SPECIAL_TOKENS, *words), max_length=6)
    path = tmp_path / "vectors.txt"
    path.write_text("w0 " + " ".join(50 * ["0.2"]))
    torch.manual_seed(0)
    encoder = WordVectorTextEncoder(data_spec=spec, sentence_dim=50, vectors=path)
    encoder.read_training_sentences(lambda _: [])
    assert encoder.embedding.weight[5:].std().item() == pytest.approx(0.2, rel=0.02)


def test_a_restored_encoder_needs_no_file(file):
    trained = begun(vectors=file)
    with torch.no_grad():
        trained.embedding.weight.add_(1)
    file.unlink()
    restored = WordVectorTextEncoder(data_spec=SPEC, sentence_dim=3, vectors=file)
    restored.load_state_dict(trained.state_dict())
    restored.read_training_sentences(lambda _: [])
    assert torch.equal(restored.embedding.weight, trained.embedding.weight)


def test_the_counts_of_word2vecs_format_are_passed_over(file):
    file.write_text(f"5 3\n{GLOVE}")
    assert begun(vectors=file).embedding.weight[4].tolist() == [1, 2, 3]


def test_frozen_vectors_do_not_learn(file):
    assert not [p for p in begun(vectors=file, frozen=True).parameters() if p.requires_grad]
    assert [p for p in begun(vectors=file).parameters() if p.requires_grad]


def test_frozen_vectors_without_a_file_are_refused():
    with pytest.raises(ValueError, match=r"give text_encoder\.vectors=FILE"):
        begun(frozen=True)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("the 1 2\nred 1 2\n", r"has vectors of 2 numbers, not of 3: set text_encoder\.sentence_dim=2"),
        ("the 1 2 3\nthen 1 2 3\nred 1 x 3\n", "line 3 is not a word and 3 numbers"),
        ("the 1 2 3\n", "has none of the 3 words of the data"),
    ],
)
def test_other_files_are_refused(file, content, complaint):
    file.write_text(content)
    with pytest.raises(ValueError, match=complaint):
        begun(vectors=file)


def test_a_file_that_is_not_there_is_named(file):
    file.unlink()
    with pytest.raises(ValueError, match=f"text_encoder.vectors={file}: there is no such file"):
        begun(vectors=file)
