"""Every token Claude spends (watched, proxied or run) on one ledger; the package itself only carries its version."""

__version__ = "0.1.0"
