"""What a cell is judged by."""
