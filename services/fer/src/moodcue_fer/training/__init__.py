"""Training and export of the network; needs the extra `moodcue-fer[train]`."""
