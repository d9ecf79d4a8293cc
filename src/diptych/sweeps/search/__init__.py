"""Search: a study proposes what to run next, by what came of the runs so far (Optuna, ask and tell)."""
