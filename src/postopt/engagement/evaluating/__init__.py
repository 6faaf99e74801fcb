"""How good predictions were, as numbers, words and pictures."""
