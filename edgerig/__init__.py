"""edgerig: which build of a model should ship to which edge device, with evidence."""

__version__ = "0.1.0"
