"""What is written: of a run, a comparison, a gate, and for other tools; each form is imported when first asked for."""
