"""A small vision transformer for 8x8 digits: 102,538 parameters, pre-norm, mean pooling, after ViT (arXiv:2010.11929).

Written for the edge: attention is spelled out as bmm and softmax (a 4-D matmul would export with expands no backend
needs), query, key and value are three Linear layers (no slicing of a joint one), and the tokens' mean stands in for a
class token. Nothing here is a stride-0 view.
"""

from __future__ import annotations

import math

import torch
from torch import nn

SIDE = 8
PATCH = 2
TOKENS = (SIDE // PATCH) ** 2
WIDTH = 64
"""Features a token; like HIDDEN a multiple of 32, the group size in which int4 recipes quantize Linear weights."""
HEADS = 4
HEAD_WIDTH = WIDTH // HEADS
HIDDEN = 128
DEPTH = 3


class Attention(nn.Module):
    """Multi-head self-attention over (N, TOKENS, WIDTH)."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH)
        self.value = nn.Linear(WIDTH, WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        query = self._by_head(self.query(tokens)) * (1 / math.sqrt(HEAD_WIDTH))
        scores = torch.bmm(query, self._by_head(self.key(tokens)).transpose(1, 2))
        mixed = torch.bmm(torch.softmax(scores, dim=-1), self._by_head(self.value(tokens)))
        joined = mixed.reshape(-1, HEADS, TOKENS, HEAD_WIDTH).transpose(1, 2).reshape(-1, TOKENS, WIDTH)
        out: torch.Tensor = self.out(joined)
        return out

    @staticmethod
    def _by_head(tokens: torch.Tensor) -> torch.Tensor:
        """(N, TOKENS, WIDTH) to (N * HEADS, TOKENS, HEAD_WIDTH)."""
        by_head = tokens.reshape(-1, TOKENS, HEADS, HEAD_WIDTH).transpose(1, 2)
        return by_head.reshape(-1, TOKENS, HEAD_WIDTH)


class Block(nn.Module):
    """Attention, then a two-layer perceptron, each on normalised tokens and added to what came in."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(WIDTH)
        self.attention = Attention()
        self.mlp_norm = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, WIDTH))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        tokens = tokens + self.attention(self.attention_norm(tokens))
        added: torch.Tensor = tokens + self.mlp(self.mlp_norm(tokens))
        return added


class DigitsVit(nn.Module):
    """Images (N, 1, 8, 8) float32 in 0…1 to logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        # A convolution embeds the 2x2 patches: a Linear would have 4 inputs, too few for an int4 group.
        self.patches = nn.Conv2d(1, WIDTH, PATCH, stride=PATCH)
        self.positions = nn.Parameter(torch.randn(1, TOKENS, WIDTH) * 0.02)
        self.blocks = nn.Sequential(*(Block() for _ in range(DEPTH)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(images).reshape(-1, WIDTH, TOKENS).transpose(1, 2) + self.positions
        logits: torch.Tensor = self.head(self.norm(self.blocks(tokens)).mean(dim=1))
        return logits


def create() -> nn.Module:
    """The network as initialised; edgerig loads the trained weights into it."""
    return DigitsVit()
