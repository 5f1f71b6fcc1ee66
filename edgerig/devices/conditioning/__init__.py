"""Holding a device still: its clocks, its temperature at the start, and putting everything back.

snapshot   what the device's files say now, in one round trip
knobs      a row per thing that can be set or ought to be known: what it is, its value, whether it can be set
notes      setting files, with a note of what they were on the device itself; restoring from it
hold       around a cell: what an earlier one left is restored, conditions are met, and put back
"""
