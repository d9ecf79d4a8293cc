"""How well a run makes images again that it has never seen."""
