"""Variant → artifact. The host's side is `spawn.py`; everything heavy happens in `worker.py`'s process."""
