"""Webhooks: events sent to servers of others, signed, in order, until they are taken."""
