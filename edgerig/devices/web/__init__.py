"""Runtimes of JavaScript: a page in a browser, or Node.js, each on this machine.

A cell is run by a child of ours (`start.py`, `runner.py`) which serves the job on loopback (`server.py`) and starts a
browser (`browser.py`) or node (`nodejs.py`); the script there (`js/runner.mjs`) loads, times and evaluates, and answers
over the same connection (`edgerig/web`). From outside it is a runner like any other: `deploy.py` gives it a job's
folder and finds a raw run in it.
"""
