"""The judge: from pixels to a scene, by rules without weights."""
