"""The parts of `postopt.testing.server`."""
