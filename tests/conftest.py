"""What every test relies on of the process pytest runs in."""

from __future__ import annotations

import signal

# A shell starts what it puts in the background with SIGINT ignored, which a child inherits: Ctrl-C could not be tested.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
