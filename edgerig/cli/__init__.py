"""The command line: alone prints and exits. Commands import what they need when they run, so `--help` stays instant."""

from __future__ import annotations

from edgerig.cli.app import main

__all__ = ["main"]
