"""Runtimes of JavaScript: the scripts that run a file by them (`js/`), and the packages they need of npm. What starts
the scripts is a device (`devices/web`), or a build that checks what it has built (`node_engine.py`)."""

from pathlib import Path

SCRIPTS = Path(__file__).parent / "js"
