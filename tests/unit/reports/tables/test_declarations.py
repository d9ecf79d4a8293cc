"""What a table is to have, and the digits by which runs are found again."""

from pathlib import Path

import pytest

from diptych.config import UserError
from diptych.config.composition import compose
from diptych.reports.tables.declaration import chosen, filled, read_table, read_tables
from diptych.reports.tables.method import method_digest, method_of
from diptych.reports.tables.object_awareness import object_aware

CONF = Path(__file__).resolve().parents[4] / "conf"
MLP = ["model=mlp_gan", "data=digits"]


def test_rows_have_the_common_overrides_and_their_own_and_the_seeds_they_are_given(folder):
    table = read_table(folder / "small" / "table.yaml")
    assert {row.name: row.seeds for row in table.rows} == {"base": (0, 1), "hinge": (0,)}
    assert table.row("hinge").overrides == ("model=mlp_gan", "data=digits", "budget_images=64", "objective=hinge")


def test_each_experiment_of_a_folder_is_a_row(tmp_path):
    path = tmp_path / "t" / "table.yaml"
    path.parent.mkdir()
    path.write_text("title: T\nquestion: Q?\nexperiments: demo\n")
    rows = {row.name: row.overrides for row in read_table(path).rows}
    names = [path.stem for path in (CONF / "experiment" / "demo").glob("*.yaml")]
    assert "lent" in names
    assert rows == {name: (f"experiment=demo/{name}",) for name in names}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("figure: [a/b]", "nothing reads figure"),
        ("title: ''", "title has no value"),
        ("more_seeds: {nobody: [0]}", "no row 'nobody'"),
        ("why: {nobody: bad}", "no row 'nobody'"),
        ("experiments: nowhere", "has no experiment"),
        ("evaluate: [--with, '{nowhere/row}']", "no row nowhere/row"),
        ("parts: {captioner: nowhere/row}", "no row nowhere/row"),
    ],
)
def test_a_wrong_declaration_names_the_key(tmp_path, line, message):
    path = tmp_path / "t" / "table.yaml"
    path.parent.mkdir()
    known = {"title": "title: T", "question": "question: Q?", "rows": "rows: {a: [model=mlp_gan]}"}
    known[line.partition(":")[0]] = line
    path.write_text("\n".join(known.values()))
    with pytest.raises(UserError, match=message):
        read_tables(tmp_path)


def test_rows_are_chosen_by_table_or_by_name(folder):
    tables = read_tables(folder)
    assert [row.key for _, row in chosen(tables, [])] == ["small/base", "small/hinge", "lenders/judge"]
    assert [row.key for _, row in chosen(tables, ["small/hinge", "lenders"])] == ["small/hinge", "lenders/judge"]
    with pytest.raises(UserError, match="no table or row large"):
        chosen(tables, ["large"])


def test_a_row_in_braces_stands_for_its_run():
    assert filled(["--with", "{a/b}"], {"a/b": "outputs/x"}) == ["--with", "outputs/x"]


def test_runs_of_one_method_have_one_digest_whatever_their_seed_and_place(tmp_path):
    one = method_digest(compose([*MLP, "seed=0"]))
    other = compose([*MLP, "seed=3", f"paths.outputs={tmp_path}", "name=mine", "tracking=none"])
    assert method_digest(other) == one
    assert method_digest(compose([*MLP, "objective=hinge"])) != one


def test_a_new_option_that_is_off_makes_no_run_stale():
    config = compose(MLP)
    newer = {**config, "augment": {}, "generator": {**config["generator"], "spectral_norm": False, "mapping": None}}
    assert method_digest(newer) == method_digest(config)
    newer["generator"]["spectral_norm"] = True
    assert method_digest(newer) != method_digest(config)


def test_a_share_that_is_zero_by_default_makes_no_run_stale_and_another_does():
    config = compose(["model=cnn_rnn", "data=digits"])
    older = {**config, "caption_objective": {**config["caption_objective"]}}
    del older["caption_objective"]["word_dropout_prob"]
    assert method_digest(older) == method_digest(config)
    dropped = compose(["model=cnn_rnn", "data=digits", "caption_objective.word_dropout_prob=0.1"])
    assert method_digest(dropped) != method_digest(config)


def test_a_class_of_ours_that_moves_makes_no_run_stale_and_another_class_does():
    config = compose(MLP)
    kind = config["generator"]["_target_"].rpartition(".")[2]
    of = lambda target: method_digest({**config, "generator": {**config["generator"], "_target_": target}})  # noqa: E731
    assert of(f"diptych.elsewhere.{kind}") == method_digest(config)
    assert of(f"diptych.elsewhere.Not{kind}") != method_digest(config)
    assert of(f"mypackage.{kind}") != method_digest(config)


def test_a_new_callback_of_which_nothing_is_set_makes_no_run_stale():
    config = compose(MLP)
    stop = {"_target_": "mypackage.Stop", "patience_images": None}
    digests = [
        method_digest({**config, "callbacks": {**config["callbacks"], **more}})
        for more in (
            {},
            {"stop": stop},
            {"stop": {**stop, "patience_images": 5}},
            {"stop": {"_target_": "mypackage.Stop"}},
        )
    ]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_where_data_lie_is_no_part_of_the_method(tmp_path):
    one, other = (compose(["model=mlp_gan", "data=mnist", f"data.root={tmp_path / name}"]) for name in "ab")
    assert method_digest(one, ["data.root"]) == method_digest(other, ["data.root"])
    assert method_digest(one) != method_digest(other)


def test_a_run_is_named_by_its_digest_and_its_command_names_no_folder(folder):
    table = read_table(folder / "small" / "table.yaml")
    method = method_of(table, table.row("hinge"))
    *_, seed, threads, tracking, name = method.arguments(1, {})
    assert (seed, threads, tracking) == ("seed=1", "trainer.threads=1", "tracking=csv")
    assert name == f"name=results/small/hinge-{method.digest[:6]}"
    expected = "diptych train model=mlp_gan data=digits budget_images=64 objective=hinge seed=1 trainer.threads=1"
    assert method.command(1).startswith(expected)


def test_what_a_row_borrows_is_named_by_the_row_that_lends_it(tmp_path, folder):
    path = tmp_path / "t" / "table.yaml"
    path.parent.mkdir()
    path.write_text(
        "title: T\nquestion: Q?\nparts: {captioner: captioners/demo}\n"
        "rows: {layered: [experiment=demo/text_to_image], plain: [model=mlp_gan, data=digits]}"
    )
    table = read_table(path)
    layered, plain = (method_of(table, row) for row in table.rows)
    assert (layered.lenders, plain.lenders) == (["captioners/demo"], [])
    assert "parts.captioner.run=outputs/x" in layered.arguments(0, {"captioners/demo": "outputs/x"})
    assert layered.object_aware == ("generator",)
    assert plain.object_aware == ()


def test_an_oracle_that_is_told_the_objects_knows_of_them():
    config = compose(["model=dcgan", "data=scenes_demo", "text_encoder=attributes"])
    assert object_aware(config) == ["text_encoder"]
