"""Parameter importance against closed forms, and when there is none."""

from itertools import product

import numpy as np
import pytest

from diptych.reports.sweeps.importance import importances_of
from diptych.reports.sweeps.parameters import ABSENT, Parameter, parameters_of, short_names, value_text
from diptych.reports.sweeps.trials import SweepTable, SweptRun, table_of
from diptych.sweeps.objective import SweepObjective


def searched(points: list[dict], figures: list[float]) -> SweepTable:
    runs = [
        SweptRun(i, f"run-{i}", (f"n={i}",), point, 0, "done", figures=(figure,), trial=i)
        for i, (point, figure) in enumerate(zip(points, figures, strict=True))
    ]
    return table_of("searched", [SweepObjective("val/scene_accuracy")], runs)


def shares(table: SweepTable) -> dict[str, float]:
    importances = importances_of(table, parameters_of(table.ranked, table.keys))
    assert not importances.refusal
    return {share.name: share.value for share in importances.shares}


def test_shares_of_a_sum_are_the_shares_of_its_variance() -> None:
    levels = [0, 1]
    points = [{"a": a, "b": b, "c": c} for a, b, c, _ in product(levels, levels, levels, range(4))]
    found = shares(searched(points, [2 * p["a"] + p["b"] for p in points]))
    assert found == pytest.approx({"a": 4 / 5, "b": 1 / 5, "c": 0.0}, abs=0.03)


def test_names_and_numbers_count_equally() -> None:
    points = [{"objective": o, "width": w} for o, w, _ in product(("hinge", "wgan"), (8, 16), range(6))]
    found = shares(searched(points, [(p["objective"] == "hinge") + p["width"] / 8 for p in points]))
    assert found == pytest.approx({"objective": 0.5, "width": 0.5}, abs=0.05)


def test_intervals_narrow_with_more_trials() -> None:
    rng = np.random.default_rng(0)

    def width(n: int) -> float:
        points = [{"a": float(a), "b": float(b)} for a, b in rng.random((n, 2))]
        table = searched(points, [p["a"] + 0.5 * p["b"] + 0.1 * rng.standard_normal() for p in points])
        found = importances_of(table, parameters_of(table.ranked, table.keys))
        assert found.num_trials == n
        assert all(0 <= share.low <= share.high <= 1 for share in found.shares)
        return found.shares[0].high - found.shares[0].low

    assert width(10) > 1.5 * width(160)


def test_noise_is_called_chance() -> None:
    rng = np.random.default_rng(1)
    points = [{"a": float(a), "b": float(b)} for a, b in rng.random((24, 2))]
    noise = searched(points, rng.standard_normal(24).tolist())
    signal = searched(points, [p["a"] for p in points])
    assert importances_of(noise, parameters_of(noise.ranked, noise.keys)).is_chance
    found = importances_of(signal, parameters_of(signal.ranked, signal.keys))
    assert not found.is_chance
    assert found.explained > 0.8


def test_too_few_trials_are_refused_with_their_number() -> None:
    table = searched([{"a": i} for i in range(7)], list(range(7)))
    refused = importances_of(table, parameters_of(table.ranked, table.keys))
    assert not refused.shares
    assert "7 trials" in refused.refusal
    assert "8" in refused.refusal


def test_figures_that_are_all_the_same_are_refused() -> None:
    table = searched([{"a": i} for i in range(9)], [1.0] * 9)
    assert "same figure" in importances_of(table, parameters_of(table.ranked, table.keys)).refusal


def test_of_equivalent_parameters_one_represents_both() -> None:
    points = [{"g_lr": lr, "d_lr": 2 * lr, "width": w} for lr, w, _ in product((1, 2, 3), (8, 16), range(2))]
    table = searched(points, [float(p["g_lr"]) for p in points])
    found = importances_of(table, parameters_of(table.ranked, table.keys))
    assert [share.name for share in found.shares] == ["g_lr", "width"]
    assert any("d_lr always changes together with g_lr" in note for note in found.notes)


def test_correlated_parameters_are_named() -> None:
    rng = np.random.default_rng(0)
    points = [{"a": float(a), "b": float(a + 0.01 * e)} for a, e in rng.random((30, 2))]
    table = searched(points, [p["a"] for p in points])
    notes = importances_of(table, parameters_of(table.ranked, table.keys)).notes
    assert any("nearly always change together" in note for note in notes)


def test_a_note_names_a_parameter_that_only_some_trials_have() -> None:
    points = [{"a": i, **({"b": i % 3} if i % 2 else {})} for i in range(12)]
    table = searched(points, [float(i) for i in range(12)])
    found = importances_of(table, parameters_of(table.ranked, table.keys))
    assert [share.name for share in found.shares] == ["a"]
    assert any(note.startswith("b: left out") for note in found.notes)


def test_numbers_that_span_a_factor_of_five_get_a_logarithmic_axis() -> None:
    assert Parameter("lr", "lr", (1e-4, 1e-3)).is_log
    assert Parameter("lr", "lr", (1e-4, 1e-3)).positions.tolist() == pytest.approx([-4, -3])
    assert not Parameter("width", "width", (16, 64)).is_log
    assert not Parameter("x", "x", (0, 100)).is_log
    assert not Parameter("x", "x", (True, False)).is_numeric
    assert not Parameter("x", "x", (1, "auto")).is_numeric
    assert not Parameter("x", "x", (1.0, float("inf"))).is_numeric
    assert Parameter("x", "x", (1, ABSENT)).is_numeric


def test_short_names_are_unique() -> None:
    keys = ["generator.width", "discriminator.width", "generator_optimizer.lr", "width"]
    names = short_names(keys)
    assert names["generator_optimizer.lr"] == "lr"
    assert len(set(names.values())) == len(keys)
    assert all(key.endswith(name) for key, name in names.items())


def test_values_show_their_types_and_are_cut_if_long() -> None:
    texts = [value_text(v) for v in (1e-4, True, None, [1, 2.5], {"a": [1]}, "x" * 99)]
    assert texts[:5] == ["0.0001", "true", "null", "[1, 2.5]", "{a: [1]}"]
    assert len(texts[5]) < 30
