"""The camera service: pictures of a source become frames on the bus at a steady rate."""
