"""A small composer that writes the demo library from points of the valence-arousal plane."""
