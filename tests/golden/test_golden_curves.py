"""The first twenty steps of small GANs, a captioner, and the shipped recipe cost what they cost when written.

Whoever means to move these numbers runs `python tests/support/curves.py`, commits `tests/golden/curves` with the
change, and says so under "Changes results" in CHANGELOG.md. Processors and versions of torch add up in another order:
the first step is held to 1e-5, and the whole curve to two thousandths of its largest value. A loss that begins later
(after the shipped recipe's text pretraining) is held by its whole curve.
"""

import curves
import pytest


@pytest.mark.parametrize("model", list(curves.IMAGES_A_STEP))
def test_the_first_losses_are_those_of_the_golden_curve(model: str):
    golden, now = curves.written(model), curves.measured(model)
    assert now.keys() == golden.keys()
    for name, values in golden.items():
        if len(values) == curves.STEPS:
            assert now[name][0] == pytest.approx(values[0], rel=1e-5), name
        assert now[name] == pytest.approx(values, rel=0, abs=2e-3 * max(map(abs, values))), name
