"""How sure a figure is, what its interval ranges over, and whether two of them differ: see docs/statistics.md.

A name is imported when it is first asked for: SciPy's tests take a second, and few commands need them.
"""

from typing import TYPE_CHECKING

from diptych.on_demand import names_on_demand

if TYPE_CHECKING:
    from diptych.metrics.statistics.aggregates import (
        interquartile_mean,
        interquartile_means,
        performance_profile,
        probabilities_of_improvement,
        probability_of_improvement,
    )
    from diptych.metrics.statistics.checkpoints import mcnemar, permute_clusters, sign_flips
    from diptych.metrics.statistics.clusters import cluster_interval
    from diptych.metrics.statistics.contrast import Contrast
    from diptych.metrics.statistics.crossed import crossed_interval
    from diptych.metrics.statistics.interval import Interval
    from diptych.metrics.statistics.matched import matched_cluster_difference, matched_difference
    from diptych.metrics.statistics.methods import paired_t, welch_t
    from diptych.metrics.statistics.multiplicity import holm
    from diptych.metrics.statistics.proportions import Proportion, wilson_interval
    from diptych.metrics.statistics.resampling import resampled_bounds, resampled_interval, whole_runs, within_tasks
    from diptych.metrics.statistics.seeds import bounded_interval, student_t_interval

__all__ = [
    "Contrast",
    "Interval",
    "Proportion",
    "bounded_interval",
    "cluster_interval",
    "crossed_interval",
    "holm",
    "interquartile_mean",
    "interquartile_means",
    "matched_cluster_difference",
    "matched_difference",
    "mcnemar",
    "paired_t",
    "performance_profile",
    "permute_clusters",
    "probabilities_of_improvement",
    "probability_of_improvement",
    "resampled_bounds",
    "resampled_interval",
    "sign_flips",
    "student_t_interval",
    "welch_t",
    "whole_runs",
    "wilson_interval",
    "within_tasks",
]

__getattr__ = names_on_demand(
    __name__,
    {
        "aggregates": (
            "interquartile_mean",
            "interquartile_means",
            "performance_profile",
            "probabilities_of_improvement",
            "probability_of_improvement",
        ),
        "checkpoints": (
            "mcnemar",
            "permute_clusters",
            "sign_flips",
        ),
        "clusters": ("cluster_interval",),
        "contrast": ("Contrast",),
        "crossed": ("crossed_interval",),
        "multiplicity": ("holm",),
        "interval": ("Interval",),
        "matched": (
            "matched_cluster_difference",
            "matched_difference",
        ),
        "methods": (
            "paired_t",
            "welch_t",
        ),
        "proportions": (
            "Proportion",
            "wilson_interval",
        ),
        "resampling": (
            "resampled_bounds",
            "resampled_interval",
            "whole_runs",
            "within_tasks",
        ),
        "seeds": (
            "bounded_interval",
            "student_t_interval",
        ),
    },
)
