"""The writer of what layers lose: `render(report) -> bytes`, pure."""
