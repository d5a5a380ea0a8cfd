"""Playlists on the listener's own music server, by the OpenSubsonic API."""
