"""Listens to a music library and publishes the emotion of every song as an index."""
