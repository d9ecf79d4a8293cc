"""The configuration tree: values only. Wheels carry it as the package `diptych.conf` (`pkg://diptych.conf`)."""
