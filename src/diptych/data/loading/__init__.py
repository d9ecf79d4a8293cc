"""From examples to batches: their order, their processes, their collation."""
