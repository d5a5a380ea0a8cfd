"""The broker: forwards events, keeps last values and history, hands newest frames to workers."""
