"""Figures, measured and never claimed: ``make bench`` runs our job beside a reference on the same input in the same run."""
