"""A small causal transformer over characters."""

import torch
from torch import Tensor, nn

INITIAL_DEVIATION = 0.02
"""Of the embeddings, as in GPT-2: they are the output layer too, whose logits start small."""


class Transformer(nn.Module):
    """Embeddings, blocks of causal attention and a perceptron, and the embeddings again.

    Layer norm comes before each part of a block and before the outputs (Radford et al., 2019).
    There is no dropout: what a row gives follows from the row and the weights alone.

    Args:
        characters: Size of the vocabulary.
        length: The most characters of a row.
        width: Features of a character.
        heads: Heads of each attention.
        blocks: How many blocks.
    """

    def __init__(
        self, *, characters: int, length: int, width: int, heads: int, blocks: int
    ) -> None:
        super().__init__()
        self.characters = nn.Embedding(characters, width)
        self.positions = nn.Embedding(length, width)
        for embedding in (self.characters, self.positions):
            nn.init.normal_(embedding.weight, std=INITIAL_DEVIATION)
        self.blocks = nn.Sequential(*(Block(width, heads=heads) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width)
        self.outputs = nn.Linear(width, characters, bias=False)
        self.outputs.weight = self.characters.weight

    def forward(self, codes: Tensor) -> Tensor:
        """Logits of the next character at each place, shape (rows, length, characters).

        Args:
            codes: Characters as int64, shape (rows, length).
        """
        places = torch.arange(codes.shape[1], device=codes.device)
        features = self.characters(codes) + self.positions(places)
        logits: Tensor = self.outputs(self.norm(self.blocks(features)))
        return logits


class Block(nn.Module):
    """Each place looks at those before it, then at itself; both add to what was there."""

    def __init__(self, width: int, *, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.perceptron = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Linear(4 * width, width),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Features of shape (rows, length, width) as the next block takes them."""
        features = features + self.attended(self._attention(self.attention_norm(features)))
        changed: Tensor = features + self.perceptron(features)
        return changed

    def _attention(self, features: Tensor) -> Tensor:
        """What each place gathers from itself and those before it, all heads side by side."""
        split = self.queries_keys_values(features).unflatten(-1, (3, self.heads, -1))
        queries, keys, values = split.permute(2, 0, 3, 1, 4)
        gathered = nn.functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        return gathered.transpose(1, 2).flatten(-2)
