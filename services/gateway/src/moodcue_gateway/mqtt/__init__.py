"""MQTT: events for a home's message broker, found by Home Assistant, and wishes back."""
