"""The gateway: calls that pass through here on their way to an upstream."""
