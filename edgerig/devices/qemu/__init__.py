"""Devices that QEMU emulates: a processor for the runner alone (`user`), or a whole machine (`system`)."""
