"""The flow of a sweep: stages of one cell, their scheduling, and the journal that makes a killed sweep resumable."""
