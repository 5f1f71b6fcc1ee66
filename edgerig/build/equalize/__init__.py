"""Cross-layer equalization (Nagel et al. 2019, arXiv:1906.04721, section 4.1): float weights made fit for 8 bits.

Where a layer's output reaches the next through positively homogeneous operators alone, f(s·x) = s·f(x) for s > 0, a
channel may leave the one scaled and be scaled back in the other: the network computes what it did, and no channel is
left so small that one step for all of them swallows it.

Everything here is numpy: `layers` (weights in one form whatever the framework), `factors` (ranges → scales), `channels`
(where a layer's channels are behind a reshape), `network` (which layers belong together, and why others do not),
`balance` (the whole). What reads and writes a format's own graph stands beside the format's builder.
"""
