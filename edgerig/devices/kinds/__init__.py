"""The kinds of devices, a module each: the keys of such a device's file, its address, and the kind's row.

None of them imports what reaches the device: listing devices, planning and reading a run load these alone.
"""
