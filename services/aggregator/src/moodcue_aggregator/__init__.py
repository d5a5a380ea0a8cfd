"""The aggregator: per-frame emotions become tracks of people and one vector per window."""
