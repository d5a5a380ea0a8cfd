"""The routes: one module for each resource, each with a `router` made from the parts."""
