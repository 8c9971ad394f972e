"""Installs the programs ccledger is measured with, as pinned in bench/peers; it runs none of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

PEERS = Path(__file__).with_name("peers")


def install(*options: str) -> None:
    """Install what is pinned; `--include=dev` takes Claude Code, which is large, along, `--omit=dev` does not."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("peers come by npm: Node.js and npm have to be on PATH")
    subprocess.run((npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", *options), cwd=PEERS, check=True)
