"""Reports of sweeps: the table of trials, the best one, parameter importance, and failures."""
