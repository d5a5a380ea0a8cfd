"""The public door of Moodcue: HTTP becomes events, events become HTTP."""
