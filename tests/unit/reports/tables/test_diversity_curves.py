"""Tables with figures of drawn captions keep the whole curve, show it, and draw it."""

from result_tables import DECLARED, declare, trained

from diptych.evaluation.results import CONTENTS, Evaluation, Figure, save
from diptych.reports.tables.declaration import chosen, read_tables
from diptych.reports.tables.files import write_page
from diptych.reports.tables.page import results_page
from diptych.reports.tables.production import Production
from diptych.reports.tables.records import read_records
from diptych.reports.tables.standing import Inventory

OVERRIDES = ["model=caption_vae", "data=scenes_demo", "budget_images=64"]
KNOWN = {"images_seen": 64, "data": "scenes_demo", "split": "test", "num": 20, "seed": 0, "dirty": False}


def pair(temperature: float, exact: float, varied: float) -> list[Figure]:
    values = {"exact_match": exact, "distinct_true": varied}
    return [
        Figure(
            f"{key}_at_{temperature:g}",
            value,
            20,
            (value - 0.1, value + 0.1),
            interval_over=CONTENTS,
            group=key,
            name=f"{key.replace('_', ' ')} at {temperature:g}",
            protocol={"temperature": temperature},
        )
        for key, value in values.items()
    ]


def test_a_table_shows_and_draws_exactness_against_diversity(tmp_path):
    figures = ["caption_diversity/exact_match_at_1", "caption_diversity/distinct_true_at_1"]
    small = {**DECLARED["small"], "overrides": OVERRIDES, "rows": {"base": None}, "more_seeds": {}, "figures": figures}
    small["evaluate"] = ["--num", "20", "--diversity", "5"]
    folder = declare(tmp_path / "docs" / "results", {"small": small})
    (outputs := tmp_path / "outputs").mkdir()
    inventory = Inventory(read_tables(folder), folder, outputs)
    run = trained(outputs, OVERRIDES, 0)
    protocol = {**KNOWN, "run": run.run_id, "commit": "c" * 40}
    points = [*pair(0.5, 0.9, 0.3), *pair(1.0, 0.8, 0.6)]
    save(Evaluation("caption_diversity", "Exactness and diversity", protocol, points), run.evaluations, "best")
    Production(inventory).measure(chosen(inventory.tables, ["small/base"]), evaluate=False)
    (record,) = read_records(folder)
    assert [(p["at"], p["exactness"]["value"], p["diversity"]["value"]) for p in record.diversity] == [
        (0.5, 0.9, 0.3),
        (1.0, 0.8, 0.6),
    ]
    page = results_page(inventory.tables, [record])
    assert "| row | at 0.5 | at 1 |" in page
    assert "90.0 % (80.0 to 100.0) · 30.0 % (20.0 to 40.0)" in page
    plot = tmp_path / "docs" / "images" / "results_small_diversity.png"
    assert plot in write_page(inventory.tables, folder, tmp_path / "docs" / "results.md")
    assert plot.stat().st_size > 5_000
