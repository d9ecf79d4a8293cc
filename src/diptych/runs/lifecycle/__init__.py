"""A run from start to end: record, signals, preemption, logs."""
