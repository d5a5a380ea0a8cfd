"""Answers every emotion window with songs of the listener's own library."""
