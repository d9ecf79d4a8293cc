"""Groups of runs side by side: tables, tests and plots."""
