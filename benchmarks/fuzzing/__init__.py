"""Fuzzing of all that reads files from elsewhere: `python -m benchmarks.fuzzing` (`make fuzz`, docs/fuzzing.md)."""
