"""What should ship: results and a budget → decisions, with what the data leaves open. Pure."""
