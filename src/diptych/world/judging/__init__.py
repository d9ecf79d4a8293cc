"""The judge: a rule-based parser from pixels to a scene, without weights."""
