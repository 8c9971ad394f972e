"""Bytes to words, sans-io: pure functions and state machines that never open, wait or look at a clock."""
