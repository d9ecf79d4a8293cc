import pytest
from hydra.errors import HydraException

from diptych.config import UserError
from diptych.config.changes import changed
from diptych.config.composition import compose, conf_folder, options
from diptych.config.override_errors import composed
from diptych.config.resolvers import run_name, timed_id


def refusal(**kwargs) -> str:
    """The message of a refused composition: Hydra's text and that of its cause."""
    with pytest.raises((HydraException, UserError)) as caught:
        compose(**kwargs)
    return f"{caught.value} {caught.value.__cause__}"


@pytest.fixture
def own(tmp_path):
    """A user's own config folder; call with a path and its text."""

    def write(name: str, text: str):
        path = tmp_path / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# @package _global_\n{text}\n")
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("sed: 7", "sed"),
        ("trainer: {presicion: bf16-mixed}", "presicion"),
        ("trainer: {threads: many}", "many"),
        ("seed: seven", "seven"),
        ("data: {batch_size: 1}\ngenerators: {width: 1}", "generators"),
        ("callbacks: {budget: 3}", "budget"),
        ("defaults: [{override /generatr: dcgan}]", "generatr"),
    ],
)
def test_an_error_in_a_file_fails_like_one_on_the_command_line(own, text, named):
    assert named in refusal(overrides=["experiment=mistaken"], config_dir=own("experiment/mistaken", text))


@pytest.mark.parametrize("override", ["sed=7", "trainer.thread=1", "seed=x", "model=nosuch", "generator.width=1"])
def test_an_error_on_the_command_line_fails(override):
    assert refusal(overrides=[override])


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("+sed=7", "sed=7: nothing reads this key; did you mean seed"),
        ("+trainer.thread=1", r"trainer\.thread=1: .* did you mean trainer\.threads"),
        ("+paths.data=x", r"paths\.data='x': nothing reads this key$"),
    ],
)
def test_an_added_key_must_be_in_the_schema(override, says):
    with pytest.raises(UserError, match=says):
        compose([override])


def test_the_command_line_beats_debug_beats_experiment_beats_model_beats_defaults(own):
    own("model/m", "budget_images: 1\nseed: 1\nvalidate_every_images: 1\nmonitor: m\nmode: min")
    own(
        "experiment/e",
        "defaults: [{override /model: m}]\nbudget_images: 2\nseed: 2\nvalidate_every_images: 2\nmonitor: e",
    )
    folder = own("debug/d", "budget_images: 3\nseed: 3\nvalidate_every_images: 3")
    config = compose(["budget_images=4", "debug=d", "experiment=e"], config_dir=folder)
    assert config["budget_images"] == 4
    assert (config["seed"], config["validate_every_images"]) == (3, 3)
    assert (config["monitor"], config["mode"]) == ("e", "min")


def test_an_experiment_replaces_a_part_that_its_model_chose(own):
    own("model/m", "defaults: [{override /objective: minimax}, {override /system: gan}]")
    folder = own("experiment/e", "defaults: [{override /model: m}, {override /objective: hinge}]")
    assert compose(["experiment=e"], config_dir=folder)["objective"]["_target_"].endswith("Hinge")
    chosen = compose(["experiment=e", "objective=non_saturating"], config_dir=folder)
    assert chosen["objective"]["_target_"].endswith("NonSaturating")


def test_two_roles_share_a_group_of_optimizers_and_keep_values_of_their_own():
    config = compose(
        ["optimizer@generator_optimizer=adam", "optimizer@discriminator_optimizer=sgd", "generator_optimizer.lr=0.5"]
    )
    assert config["generator_optimizer"]["_target_"] == "torch.optim.Adam"
    assert config["generator_optimizer"]["lr"] == 0.5
    assert config["discriminator_optimizer"]["_target_"] == "torch.optim.SGD"
    assert config["optimizer"] == {}


def test_a_run_is_named_after_its_experiment_or_its_model_and_data(own):
    folder = own("experiment/family/child", "seed: 1")
    assert compose(["experiment=family/child"], config_dir=folder)["name"] == "family_child"
    assert compose(["model=mlp_gan", "data=digits"])["name"] == "mlp_gan_digits"
    assert compose(["model=mlp_gan", "data=digits", "name=mine"])["name"] == "mine"
    assert run_name(None, None, None) == "custom_nothing"


def test_a_missing_value_is_named(own):
    folder = own("experiment/e", 'parts: {captioner: {run: "???", task: captioning}}')
    said = refusal(overrides=["experiment=e"], config_dir=folder)
    assert "parts.captioner.run has no value" in said
    assert "diptych train experiment=demo/captioner" in said


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("modle=dcgan", "there is no modle to set; did you mean model?"),
        ("sede=1", "there is no sede to set; did you mean seed?"),
        ("generatr=dcgan", "there is no generatr to set; did you mean generator?"),
        ("generator.widht=32", "there is no generator.widht to set; did you mean generator.width?"),
        ("budget_images=lots", "budget_images=lots: this key takes a whole number"),
        ("budget_image=100", "there is no budget_image to set; did you mean budget_images?"),
        ("hydra.launcher.slot=2", "there is no hydra.launcher.slot to set; did you mean hydra.launcher.slots?"),
        ("hydra.launcher.nothing=2", "there is no hydra.launcher.nothing to set"),
        (
            "hydra.sweeper.n_trials=2",
            "there is no hydra.sweeper.n_trials to set; only searches have this setting: add hydra/sweeper=optuna",
        ),
        ("trainer.benchmark=perhaps", "trainer.benchmark=perhaps: this key takes true or false"),
    ],
)
def test_the_error_for_a_wrong_override_is_one_line_with_the_fix(override, says):
    with pytest.raises(UserError) as caught:
        composed(["model=dcgan", "data=digits", "objective=hinge", override])
    assert str(caught.value) == says


def test_the_package_contains_the_shipped_conf():
    assert (conf_folder() / "train.yaml").is_file()
    assert "hinge" in options("objective")


def test_composing_twice_gives_the_same():
    assert compose(["model=mlp_gan", "data=digits"]) == compose(["model=mlp_gan", "data=digits"])


def test_outputs_can_be_moved_by_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path))
    assert compose()["paths"]["outputs"] == str(tmp_path)


def test_a_resumed_run_may_change_how_long_it_runs():
    config = compose(["model=mlp_gan", "data=digits"])
    longer = changed(config, ["budget_images=2_000_000", "callbacks.samples.every_images=7"])
    assert longer["budget_images"] == 2_000_000
    assert longer["callbacks"]["samples"]["every_images"] == 7
    free = {"budget_images": 0, "callbacks": 0, "derived": 0}
    assert {**longer, **free} == {**config, **free}


@pytest.mark.parametrize("change", ["data.batch_size=1", "seed=1", "generator.width=1", "budget=1", "nonsense"])
def test_a_resumed_run_may_not_change_what_it_learns(change):
    with pytest.raises(UserError, match=change.partition("=")[0]):
        changed(compose(["model=mlp_gan", "data=digits"]), [change])


@pytest.mark.parametrize("change", ["budget_images=many", "trainer.thread=1"])
def test_changes_are_checked_against_the_schema(change):
    with pytest.raises(UserError, match=change):
        changed(compose(), [change])


@pytest.mark.parametrize("override", ["+parts.captioner=latest", "parts.captioner=latest"])
def test_the_error_for_a_part_without_a_role_names_the_fix(override):
    for model in ("generator", "dcgan"):
        with pytest.raises(UserError, match=r"Use parts\.captioner\.run=latest.*\+parts\.captioner\.task=captioning"):
            composed([f"model={model}", "data=scenes_demo", override])


@pytest.mark.parametrize(("part", "task"), [("embedding", "embedding"), ("classifier", "classification")])
def test_the_error_for_a_part_names_the_task_of_its_kind(part, task):
    with pytest.raises(UserError, match=rf"\+parts\.{part}\.task={task}$"):
        composed(["model=dcgan", "data=scenes_demo", f"+parts.{part}=latest"])


def test_ids_made_in_one_second_differ_and_sort_by_age():
    ids = [timed_id() for _ in range(50)]
    assert len(set(ids)) == 50
    assert [i[:15] for i in ids] == sorted(i[:15] for i in ids)


@pytest.mark.parametrize(
    ("override", "terms"),
    [
        ("term=[contrastive]", {"contrastive"}),
        ("+term=contrastive", {"contrastive", "patch", "reconstruction", "redescription"}),
        ("~terms.patch", {"reconstruction", "redescription"}),
        ("term=[]", set()),
    ],
)
def test_terms_of_a_bundle_are_replaced_added_to_and_dropped(override, terms):
    bundle = ["model=layered_gan", "data=scenes_demo", "parts.captioner.run=x", "schedule.decay_images=4"]
    assert set(composed([*bundle, override])["terms"]) == terms


@pytest.mark.parametrize("second", ["+term=patch", "+term=[patch]"])
def test_terms_that_are_named_twice_are_refused(second):
    with pytest.raises(UserError, match=r"term=contrastive .*term=.*patch.*: name all of them at once"):
        composed(["model=dcgan", "data=digits", "text_encoder=gru", "term=contrastive", second])


def test_a_term_is_added_to_a_bundle_without_any_and_may_become_lazy():
    words = ["model=dcgan", "data=digits", "text_encoder=gru", "+term=contrastive", "terms.contrastive.every=4"]
    assert composed(words)["terms"]["contrastive"]["every"] == 4
