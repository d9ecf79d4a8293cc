"""What a bundle has chosen can be replaced: no value of its own needs that choice."""

from pathlib import Path

import pytest

from diptych.config.composition import compose
from diptych.runs.choice import check_components

CONF = Path(__file__).resolve().parents[2] / "conf"
SCHEDULES = sorted(file.stem for file in (CONF / "schedule").glob("*.yaml"))
BUNDLES = sorted(file.stem for file in (CONF / "model").glob("*.yaml") if "override /schedule" in file.read_text())
NEEDED = {
    "trapezoid": ["schedule.decay_images=4"],
    "layered_gan": ["parts.captioner.run=latest"],
    "prior": ["parts.autoencoder.run=latest"],
    "masked_prior": ["parts.autoencoder.run=latest"],
}


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("bundle", BUNDLES)
def test_every_schedule_may_take_the_place_of_a_bundles(bundle, schedule):
    needed = [*NEEDED.get(bundle, ()), *NEEDED.get(schedule, ())]
    config = compose([f"model={bundle}", "data=scenes_demo", f"schedule={schedule}", *needed])
    check_components(config)
    alone = compose(["model=dcgan", "data=scenes_demo", f"schedule={schedule}", *NEEDED.get(schedule, ())])
    assert config["schedule"]["_target_"] == alone["schedule"]["_target_"]
