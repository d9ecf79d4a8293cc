"""A sweep read as a table of trials: which configuration leads, what mattered, what failed, and how sure that is."""
