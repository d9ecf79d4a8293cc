"""The columns of the rows of results, and what each holds."""

TRAINING = "training"
"""The benchmark of figures that a run itself has measured, on its validation split."""

RUN_COLUMNS = {
    "run": "the run's id",
    "experiment": "its experiment, or model and data",
    "sweep": "the sweep that started it",
    "status": "running, done, pruned, failed, stopped, diverged, preempted, lost or damaged",
    "collapsed": "why images are all alike or ignore sentences; empty where they do not, None where nobody measured it",
    "task": "what it is trained for",
    "seed": "its training seed",
    "budget_images": "the images that it was to see",
    "images_seen": "the images that it has seen",
    "seconds": "the time that all its starts took",
    "started": "when it first began, UTC",
    "configuration": "ten digits; equal for equal training",
    "method": "ten digits; equal for runs that differ only in their seed",
    "folder": "where it lies",
}
MEASUREMENT_COLUMNS = {
    "benchmark": "what was measured: the evaluation's kind, or training",
    "data": "on which data, with what was set in them",
    "split": "on which split",
    "partner": "the run beside it (--with)",
    "weights_at": "the images that the measured weights had seen",
    "evaluation_seed": "the seed of the noise and of the examples",
    "protocol": "everything that was noted about how it was measured, a mapping",
    "protocol_id": "ten digits; only figures with equal ones may stand side by side",
    "measured_in": "the evaluation's file",
    "alert": "what must be known before any of its figures, such as that a generator has collapsed",
}
FIGURE_COLUMNS = {
    "figure": "the figure's key, as in `diptych compare` and W&B",
    "label": "its name for people",
    "value": "the value; a share is from 0 to 1",
    "percent": "whether people read it in percent",
    "low": "the lower end of its 95 % interval",
    "high": "the upper end",
    "interval_over": "what the interval ranges over; training seeds it never covers",
    "interval_method": "how the ends were found",
    "n": "the examples that count",
    "contents": "the different contents among them",
    "chance": "the value of shuffled pairs",
    "reference": "the value of real data",
    "note": "what must be known of it",
}
COLUMNS = {**RUN_COLUMNS, **MEASUREMENT_COLUMNS, **FIGURE_COLUMNS}
"""What each column holds, in their order."""
