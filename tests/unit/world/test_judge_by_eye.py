"""The judge on real generated images, against labels by eye, and their table in docs/judge.md."""

import pytest

import judge_by_eye as benchmark


@pytest.fixture(scope="module")
def pictures():
    return benchmark.seen()


def test_the_judge_agrees_with_clear_labels(pictures):
    clear = [picture for picture in pictures if picture.label["quality"] == "clear"]
    assert len(clear) > 100
    assert all(picture.same for picture in clear)


def test_accepted_pictures_agree_with_the_labels_and_are_rarely_bad(pictures):
    accepted = [picture for picture in pictures if picture.accepted]
    assert sum(picture.same for picture in accepted) >= 0.97 * len(accepted)
    assert sum(picture.label["quality"] == "unreadable" for picture in accepted) <= 0.05 * len(accepted)


def test_the_page_has_the_counts_of_the_shipped_judge(pictures, repository):
    assert benchmark.table(pictures) in (repository / "docs" / "judge.md").read_text(encoding="utf-8")
