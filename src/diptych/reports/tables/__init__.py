"""The project's results tables: what is trained for them, what was measured, and the page that shows it.

`docs/results/<table>/table.yaml` declares a table, `docs/results/<table>/<row>-seed<N>.json` is what one run measured,
and `docs/results.md` is written from these alone.
"""
