"""Seeded simulators: one module or package per pipeline, development data with its ground truth."""
