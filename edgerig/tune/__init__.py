"""Tuning: which recipe, with which options, is the best for a device under a budget.

Candidates are tried by successive halving (Jamieson, Talwalkar 2016, arXiv:1502.07943): all of them where a trial is
cheap, the better half where it costs more, the finalists on the device. What is chosen on is a validation split, never
the test data, which is used once, for the winner.
"""
