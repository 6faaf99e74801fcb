"""How features are counted: `postopt.quality.features` is their face."""
