"""Two runs, or a run and a budget: what changed, how sure that is, whether it passes. Pure but for baseline files."""
