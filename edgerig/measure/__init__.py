"""Raw run → measurement. Pure: no device, no file written, the same raw run gives the same figures for ever."""
