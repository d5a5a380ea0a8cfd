"""Training, export and measurement of the generator of faces of no one. Needs the extra `train`."""
