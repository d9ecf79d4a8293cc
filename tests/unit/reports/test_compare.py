"""`diptych compare`: which runs belong together, what is said of their differences, and what is refused."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from diptych.cli.main import main
from diptych.config import UserError
from diptych.evaluation.results import CONTENTS, EXAMPLES, PICTURES, Evaluation, Figure, save
from diptych.evaluation.skills.names import NEW_CONTENTS, PROMPTS
from diptych.metrics.statistics import crossed_interval, holm, mcnemar, student_t_interval
from diptych.reports.comparison.comparison import Comparison, compare
from diptych.reports.comparison.files import compare_runs
from diptych.reports.comparison.groups import grouped
from diptych.reports.comparison.results import measured_alike
from diptych.reports.comparison.text import (
    WIDTHS,
    comparison_markdown,
    comparison_text,
    comparison_values,
    without_common_key,
)
from diptych.runs.folder.find import runs_named
from diptych.runs.folder.layout import RunFolder

LSTM, RNN = "diptych.models.caption_decoders.LSTM", "diptych.models.caption_decoders.RNN"
NUM = 200
METRICS = "images,train/images_per_second,val/exact_match\n100,50,\n100,,{0}\n200,100,\n200,,{1}\n"


def trained(outputs: Path, name: str, seed: int = 0, decoder: str = LSTM, lr: float = 0.1) -> RunFolder:
    run = RunFolder.create(outputs, "cnn_rnn_digits", name)
    run.write_config(
        {
            "name": "cnn_rnn_digits",
            "paths": {"outputs": str(outputs)},
            "seed": seed,
            "data": {"seed": seed, "batch_size": 8},
            "features": {"seed": 0},  # of a network that is the same for all
            "monitor": "val/exact_match",
            "caption_decoder": {"_target_": decoder, "dim": 8 if decoder == LSTM else 16},
            "optimizer": {"lr": lr},
            "parts": {},
        }
    )
    run.metrics.write_text(METRICS.format(0.4 + seed / 50, 0.8 + seed / 50))
    return run


def evaluated(run: RunFolder, right: int, again: int = 1, perplexity: float = 2.0, **protocol) -> RunFolder:
    """Of `NUM` examples the first `right` are hit; every content comes `again` times."""
    clusters = [f"scene {i // again}" for i in range(NUM)]
    figures = [
        Figure.rate("exact_match", [i < right for i in range(NUM)], clusters),
        Figure("perplexity", perplexity, NUM, percent=False),
        Figure.rate("the same for all", [True] * NUM, clusters),
        Figure("undefined here", None, note="why"),
    ]
    facts = {"run": run.run_id, "images_seen": 9, "data": "digits", "split": "test", "num": NUM, "seed": 0, **protocol}
    save(Evaluation("captioner", "Captioning", facts, figures, clusters=clusters), run.evaluations, "best")
    return run


def two_methods(outputs: Path, seeds: int = 3) -> list[RunFolder]:
    hits = {LSTM: (180, 170, 176, 168, 174), RNN: (150, 143, 155, 139, 148)}
    return [
        evaluated(trained(outputs, f"{decoder[-4:].lower()}-{seed}", seed, decoder), hits[decoder][seed])
        for decoder in (LSTM, RNN)
        for seed in range(seeds)
    ]


def compared(runs: list[RunFolder], by: str | None = None) -> Comparison:
    groups = grouped(runs, by)
    (results,) = measured_alike([run for group in groups for run in group.runs])
    return compare(groups, results)


def test_runs_that_differ_only_in_seed_are_one_group(tmp_path):
    runs = two_methods(tmp_path)
    mixed = [runs[0], runs[3], runs[1], runs[4], runs[5], runs[2]]
    groups = grouped(mixed)
    assert [group.label for group in groups] == ["caption_decoder=LSTM", "caption_decoder=RNN"]
    assert [group.seeds for group in groups] == [(0, 1, 2), (0, 1, 2)]


def test_a_key_groups_whatever_else_differs(tmp_path):
    runs = [trained(tmp_path, f"r{i}", i, (LSTM, RNN)[i % 2], lr) for i, lr in enumerate((0.1, 0.1, 0.3, 0.3))]
    assert [group.label for group in grouped(runs, "optimizer.lr")] == ["optimizer.lr=0.1", "optimizer.lr=0.3"]
    assert [len(group.runs) for group in grouped(runs, "caption_decoder")] == [2, 2]
    assert len(grouped(runs)) == 4


def test_a_key_that_no_configuration_has_is_named(tmp_path):
    with pytest.raises(UserError, match=r"--by nonsense: r has no such key; there are .*optimizer"):
        grouped([trained(tmp_path, "r")], "nonsense")


def test_the_same_run_twice_over_is_refused(tmp_path):
    with pytest.raises(UserError, match="a and b have the same configuration and the same seed 0"):
        grouped([trained(tmp_path, "a"), trained(tmp_path, "b")])


@pytest.mark.parametrize("where", ["a file", "a file/x"])
def test_a_folder_that_cannot_be_made_is_named(where, tmp_path):
    (tmp_path / "a file").touch()
    with pytest.raises(UserError, match=f"--out {tmp_path / where} cannot be made a folder"):
        compare_runs(two_methods(tmp_path / "outputs"), None, tmp_path / where)


def test_methods_are_compared_over_the_seeds_they_share(tmp_path):
    comparison = compared(two_methods(tmp_path))
    first, second = comparison.rows[0].cells
    expected = stats.ttest_1samp([0.9, 0.85, 0.88], 0).confidence_interval()
    assert first.interval.ends == pytest.approx(tuple(expected))
    assert (first.interval.over, first.interval.n) == ("training seeds", 3)
    expected = stats.ttest_rel([0.75, 0.715, 0.775], [0.9, 0.85, 0.88]).pvalue
    assert second.contrast.p == pytest.approx(expected)
    assert second.contrast.method == "paired t"
    assert first.contrast is None
    assert second.verdict == "lower"


def test_what_is_said_of_new_contents_too_is_of_the_hits_of_all_runs(tmp_path):
    exactly_true, perplexity, _ = compared(two_methods(tmp_path)).rows
    hits = np.array([[float(i < right) for i in range(NUM)] for right in (180, 170, 176)])
    assert exactly_true.cells[0].interval_over_both == crossed_interval(hits, limits=(0.0, 1.0))
    assert perplexity.cells[0].interval_over_both is None


def of_one_figure(outputs: Path, *groups: list[Figure], clusters: Sequence[str] = ()) -> Comparison:
    """Groups of a run a figure, and nothing else in their evaluations."""
    runs = []
    for decoder, figures in zip((LSTM, RNN), groups, strict=False):
        for seed, figure in enumerate(figures):
            run = trained(outputs, f"{decoder[-4:].lower()}-{seed}", seed, decoder)
            result = Evaluation("skills", "Skills", {"data": "scenes", "num": 9}, [figure], clusters=clusters)
            save(result, run.evaluations, "best")
            runs.append(run)
    return compared(runs)


def varieties(*values: float) -> list[Figure]:
    return [Figure("variety of size", value, 40) for value in values]


def test_what_may_pass_one_is_never_cut_off_there(tmp_path):
    values = (1.02, 1.03, 1.025)
    (cell,) = of_one_figure(tmp_path, varieties(*values)).rows[0].cells
    assert cell.interval == student_t_interval(values)
    assert cell.interval.low > 1
    alike = of_one_figure(tmp_path / "alike", varieties(1.09, 1.09, 1.09))
    assert alike.rows[0].cells[0].interval is None
    assert "109.0 %" in comparison_text(alike)


def test_rates_are_cut_off_and_keep_a_width_where_all_runs_agree(tmp_path):
    def rates(*hits: int) -> list[Figure]:
        return [Figure.rate("true", [i < right for i in range(20)]) for right in hits]

    varied, alike = of_one_figure(tmp_path, rates(20, 20, 19), rates(20, 20, 20)).rows[0].cells
    assert (varied.interval.high, varied.interval.method) == (1.0, "Student t")
    assert varied.interval.low == student_t_interval([1.0, 1.0, 0.95]).low
    assert (alike.interval.high, alike.interval.method) == (1.0, "Gaffke")
    assert alike.interval.low < 0.5


def test_the_note_names_the_methods_that_were_used(tmp_path):
    def said(name: str, *hits: int) -> str:
        figures = [Figure.rate("true", [i < right for i in range(20)]) for right in hits]
        comparison = of_one_figure(tmp_path / name, figures[:2], figures[2:])
        return " ".join(comparison_text(comparison).split())

    assert "on these examples (Student's t); comp" in said("varied", 19, 18, 17, 15)
    assert "on these examples (Student's t; Gaffke's where all runs agree); comp" in said("mixed", 19, 18, 17, 17)
    assert "on these examples (Gaffke's where all runs agree); comp" in said("alike", 19, 19, 17, 17)


def test_nothing_that_varies_is_no_certainty_of_new_contents(tmp_path):
    clusters = [f"scene {i}" for i in range(9)]
    figures = [Figure.rate("true", [True] * 9, clusters)] * 3
    (cell,) = of_one_figure(tmp_path, figures, clusters=clusters).rows[0].cells
    assert cell.interval_over_both is None


def columns(line: str) -> list[str]:
    """What stands in each column; all but the first begin with a space at least."""
    ends = np.cumsum(WIDTHS).tolist()
    cells = [line[end - width : end] for end, width in zip(ends, WIDTHS, strict=True)]
    assert not [cell for cell in cells[1:] if cell.strip() and not cell.startswith(" ")]
    return [cell.strip() for cell in cells]


@pytest.mark.parametrize("over", [EXAMPLES, CONTENTS, PICTURES, PROMPTS, NEW_CONTENTS])
@pytest.mark.parametrize("num", [250, 10_000])
def test_whatever_the_interval_of_a_single_run_ranges_over_has_room_in_its_column(tmp_path, over, num):
    counted = {} if over == PICTURES else {"contents": num}
    rate = Figure("rate", 1.0, num, (1.0, 1.0), interval_over=over, **counted)
    tiny = Figure("tiny", -1.234e-5, num, (-1.234e-4, 1.234e-4), percent=False, interval_over=over, **counted)
    for figure, expected in ((rate, ("100.0 %", "100.0 to 100.0")), (tiny, ("-1e-05", "-0.0001…0.0001"))):
        comparison = of_one_figure(tmp_path / figure.name, [figure], [replace(figure, value=0.5)])
        lines = comparison_text(comparison).splitlines()
        assert max(map(len, lines)) <= 80
        (line,) = (line for line in lines if line.startswith("  LSTM"))
        _, *value, of = columns(line)[:4]
        assert tuple(value) == expected
        number, short = of.split()
        assert number == f"{num:,}"
        assert f"over {over} ({short})" in " ".join(" ".join(lines).split())


def test_a_verdict_keeps_a_space_before_it(tmp_path):
    clusters = [f"scene {i // 20}" for i in range(NUM)]
    figures = [[Figure.rate("true", [i < right for i in range(NUM)], clusters)] for right in (180, 140)]
    lines = comparison_text(of_one_figure(tmp_path, *figures, clusters=clusters)).splitlines()
    (line,) = (line for line in lines if line.startswith("  RNN"))
    assert columns(line)[2:] == ["39.7 to 89.2", "10 cont.", "-20.0", "0.500", "too few"]


def test_hits_without_what_they_are_of_are_never_paired(tmp_path):
    clusters = [f"scene {i}" for i in range(9)]
    figures = [Figure.rate("true", [i < right for i in range(9)], clusters) for right in (8, 2, 7, 3)]
    assert of_one_figure(tmp_path / "single", figures[:1], figures[1:2], clusters=clusters).contrasts()
    assert of_one_figure(tmp_path / "bare", figures[:1], figures[1:2]).contrasts() == []
    several = of_one_figure(tmp_path / "several", figures[:2], figures[2:]).rows[0].cells
    assert [cell.interval_over_both for cell in several] == [None, None]


def test_methods_without_shared_seeds_are_compared_without_pairs(tmp_path):
    runs = two_methods(tmp_path, 2)
    for i, run in enumerate(runs[2:]):
        run.write_config(run.read_config() | {"seed": 10 + i})
    assert compared(runs, "caption_decoder._target_").rows[0].cells[1].contrast.method == "Welch's t"


def test_all_tests_of_a_table_are_adjusted_together(tmp_path):
    runs = two_methods(tmp_path)
    for i, run in enumerate(runs):
        evaluated(run, 100 + i * i, perplexity=2.0 + i % 3 + i / 10, num=NUM, seed=1)
    comparison = compared(runs)
    contrasts = comparison.contrasts()
    assert len(contrasts) == 2
    adjusted = [row.cells[1].p for row in comparison.rows if row.cells[1].p is not None]
    assert adjusted == pytest.approx(holm([c.p for c in contrasts]))


def test_what_is_the_same_for_every_run_is_never_tested(tmp_path):
    comparison = compared(two_methods(tmp_path))
    assert [row.name for row in comparison.rows] == ["exact match", "perplexity", "the same for all"]
    assert [row.cells[1].contrast is None for row in comparison.rows] == [False, True, True]


def test_two_checkpoints_are_compared_over_examples(tmp_path):
    runs = [evaluated(trained(tmp_path, name, 0, d), n) for name, d, n in (("a", LSTM, 180), ("b", RNN, 150))]
    first, second = compared(runs).rows[0].cells
    expected = mcnemar([i < 180 for i in range(NUM)], [i < 150 for i in range(NUM)])
    assert second.contrast.p == expected.p
    assert (second.contrast.method, second.contrast.over) == ("McNemar", "held-out examples")
    assert first.interval.over == "held-out examples"


def test_checkpoints_on_repeated_contents_are_compared_over_contents(tmp_path):
    decoders = (("a", LSTM, 180), ("b", RNN, 140))
    runs = [evaluated(trained(tmp_path, name, 0, d), n, again=20) for name, d, n in decoders]
    first, second = compared(runs).rows[0].cells
    assert second.contrast.method == "permutation of clusters"
    assert (second.contrast.n, second.contrast.p, second.verdict) == (10, 0.5, "too few")
    assert (first.interval.over, first.interval.n) == ("held-out contents", 10)
    assert "too few: exact match could not give a p below 0.5" in comparison_text(compared(runs)).replace("\n  ", " ")


def test_one_run_against_several_is_shown_and_not_tested(tmp_path):
    comparison = compared(two_methods(tmp_path)[:4])
    assert comparison.contrasts() == []
    assert comparison.rows[0].cells[1].interval.over == "held-out examples"
    assert "no tests" in comparison_text(comparison)


def test_hits_of_different_examples_are_never_paired(tmp_path):
    runs = [
        evaluated(trained(tmp_path, "a", 0, LSTM), 180, again=1),
        evaluated(trained(tmp_path, "b", 0, RNN), 140, again=2),
    ]
    assert compared(runs).contrasts() == []


def test_figures_of_different_protocols_never_stand_side_by_side(tmp_path):
    runs = [
        evaluated(trained(tmp_path, "a", 0, LSTM), 180, split="test"),
        evaluated(trained(tmp_path, "b", 0, RNN), 140, split="val", beam=5),
    ]
    with pytest.raises(UserError, match=r"(?s)a and b were measured differently.*split: test and val.*beam"):
        compared(runs)


def test_the_newest_results_of_one_protocol_are_found(tmp_path):
    runs = two_methods(tmp_path, 2)
    for run in runs[1:]:
        evaluated(run, 199, split="val")
    for run in runs:
        evaluated(run, 20, seed=7)
    assert compared(runs).result.protocol["seed"] == 7


def test_a_figure_measured_with_other_weights_is_left_out_by_name(tmp_path):
    runs = [trained(tmp_path, "a", 0, LSTM), trained(tmp_path, "b", 0, RNN)]
    for run in runs:
        figures = [Figure("distance", 1.0, protocol={"weights": run.run_id}), Figure("other", float(len(run.run_id)))]
        save(Evaluation("generator", "Generation", {"data": "digits", "num": 2}, figures), run.evaluations, "best")
    comparison = compared(runs)
    assert [row.name for row in comparison.rows] == ["other"]
    assert "left out: distance: measured differently (weights: a and b)" in comparison_text(comparison)


def test_a_figure_that_some_runs_lack_has_no_mean_there(tmp_path):
    runs = two_methods(tmp_path, 2)
    for i, run in enumerate(runs):
        figures = [Figure.rate("exact_match", [True, i > 2])]
        figures += [Figure("perplexity", 5.0 + i, percent=False)] if i else []
        protocol = {"data": "digits", "num": 2, "seed": 9}
        save(Evaluation("captioner", "Captioning", protocol, figures), run.evaluations, "other")
    first, second = compared(runs).rows[1].cells
    assert (first.values, first.mean, first.interval) == ((None, 6.0), 6.0, None)
    assert second.mean == 7.5
    assert second.interval.high > 7.5


def test_a_table_fits_80_columns(tmp_path):
    lines = comparison_text(compared(two_methods(tmp_path))).splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("  LSTM ") and "87.7 %" in line for line in lines)


def test_labels_lose_the_key_that_all_share_and_never_more():
    assert without_common_key(["lr=0.1", "lr=0.15"]) == ["0.1", "0.15"]
    assert without_common_key(["a=1 b=2", "a=1 b=3"]) == ["a=1 b=2", "a=1 b=3"]
    assert without_common_key(["a=1"]) == ["a=1"]
    assert without_common_key(["a=1", "b=1"]) == ["a=1", "b=1"]


def test_a_small_p_is_never_shown_as_none(tmp_path):
    runs = [evaluated(trained(tmp_path, name, 0, d), n) for name, d, n in (("a", LSTM, 180), ("b", RNN, 150))]
    text = comparison_text(compared(runs))
    assert "<.001   lower" in text
    assert "0.000" not in text
    assert "caption_decoder=LSTM: run a, seed 0" in text


def test_what_was_measured_is_no_part_of_how(tmp_path):
    protocol = comparison_values(compared(two_methods(tmp_path)))["protocol"]
    assert protocol == {"data": "digits", "split": "test", "num": NUM, "seed": 0}


def test_markdown_has_a_row_a_figure_and_group(tmp_path):
    text = comparison_markdown(compared(two_methods(tmp_path)))
    assert text.count("| caption_decoder=RNN |") == 3
    assert "| training seeds |" not in text
    assert "3 training seeds | Student t" in text


def test_everything_is_written_and_the_same_again(tmp_path):
    runs = two_methods(tmp_path / "outputs")
    names = ["comparison.md", "comparison.json", "captioner.png", "captioner.svg", "quality.png", "quality.svg"]
    contents = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        written = compare_runs(runs, None, folder)
        assert [path.name for path in written.files] == names
        contents.append([path.read_bytes() for path in written.files])
    assert contents[0] == contents[1]


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):
    """Types a command where outputs/ has two methods of three seeds each."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DIPTYCH_OUTPUTS", raising=False)
    two_methods(tmp_path / "outputs")

    def command(*words: str) -> tuple[int, str, str]:
        code = main(["compare", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def test_a_sweep_stands_for_its_runs(typed, tmp_path):
    sweep = tmp_path / "outputs" / "sweeps" / "decoders"
    sweep.mkdir(parents=True)
    for name in ("lstm-0", "rs.rnn-0", "lstm-1", "rs.rnn-1"):
        target = next(tmp_path.glob(f"outputs/cnn_rnn_digits/*{name.removeprefix('rs.')}"))
        (sweep / target.name).symlink_to(target, target_is_directory=True)
    assert len(runs_named(["decoders"], tmp_path / "outputs")) == 4
    code, out, _ = typed("decoders", "--json")
    assert code == 0
    assert [len(group["runs"]) for group in json.loads(out)["comparisons"][0]["groups"]] == [2, 2]


def test_one_run_alone_is_wrong_usage(typed, tmp_path):
    code, out, err = typed("lstm-0")
    assert (code, out) == (2, "")
    assert "name two at least" in err


@pytest.mark.parametrize("text", ["", "{", "[]", '{"figures": 3}'])
def test_a_damaged_result_is_named_in_one_message(typed, tmp_path, text):
    path = tmp_path / "outputs/cnn_rnn_digits/lstm-1/evaluations/best.json"
    path.write_text(text)
    code, _, err = typed("lstm-0", "lstm-1")
    assert code == 2
    assert "lstm-1/evaluations/best.json is damaged" in err
    assert "Traceback" not in err


def test_a_run_that_was_not_evaluated_is_named_with_the_command(typed, tmp_path):
    trained(tmp_path / "outputs", "fresh", 9)
    code, _, err = typed("lstm-0", "fresh")
    assert code == 2
    assert "not evaluated yet: fresh; `diptych evaluate fresh` measures them" in err


def test_runs_without_curves_have_a_table_all_the_same(typed, tmp_path):
    for run in (tmp_path / "outputs/cnn_rnn_digits").iterdir():
        (run / "metrics.csv").unlink()
    code, out, _ = typed("lstm-0", "lstm-1")
    assert code == 0
    assert "quality" not in out
