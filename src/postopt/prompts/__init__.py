"""Prompts that are versioned, improved by what was learned, and promoted only by an experiment."""
