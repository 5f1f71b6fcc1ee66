"""A model behind a server: what is loaded into the server's own process, and how tensors travel to it."""
