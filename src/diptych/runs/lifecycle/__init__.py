"""From a run's start to its end: records, signals, preemption, logs."""
