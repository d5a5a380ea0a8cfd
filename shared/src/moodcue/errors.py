"""Errors that carry the offending value and the remedy, fit to be shown to a person."""


class MoodcueError(Exception):
    """Base of every error that Moodcue raises on purpose; its text is one clear line."""


class SettingsError(MoodcueError):
    """A setting is missing, unknown or out of bounds."""


class ProtocolError(MoodcueError):
    """A message does not follow the contract."""


class ModelError(MoodcueError):
    """A model folder is incomplete, damaged or made for something else."""


class IndexUnavailableError(MoodcueError):
    """A library index is missing, incomplete or made by a foreign model."""


class BusError(MoodcueError):
    """The broker cannot be reached, or an address cannot be used."""
