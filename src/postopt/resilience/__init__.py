"""Keeping calls going while what they call is slow, failing, throttling or lying."""
