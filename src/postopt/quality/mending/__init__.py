"""How texts are mended, and what stays: `postopt.quality.enhancer` is its face."""
