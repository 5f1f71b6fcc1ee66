"""The writers of a comparison: `render(comparison) -> bytes`, pure."""
