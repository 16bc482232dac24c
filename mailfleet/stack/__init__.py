"""Starts and stops the local servers of `demo` and `up`, and leaves nothing behind."""
