"""What a `Coalescer` knows of a key while somebody waits for it."""
