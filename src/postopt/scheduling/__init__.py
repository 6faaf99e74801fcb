"""When work runs: how much at once, and in which order."""
