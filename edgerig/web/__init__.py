"""Runtimes of JavaScript: the scripts that run a file by them (`js/`), and the packages they need of npm. What starts
the scripts is a device (`devices/web`)."""

from pathlib import Path

SCRIPTS = Path(__file__).parent / "js"
