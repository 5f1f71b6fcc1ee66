"""Bringing a model's files into the cache: those a `model.toml` lists (`files.py`), and what a name stands for
(`named.py`), pinned the first time (`pin.py` and one module for each kind of name)."""
