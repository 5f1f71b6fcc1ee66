"""The writers of a gate's outcome: `render(…) -> bytes`, pure; beside files, annotations for a job's page."""
