"""The `diptych` command: one short file per subcommand."""
