"""Writes a new pipeline's five places, green at once, and takes them away again: ``make new-pipeline SLUG=…``.

``templates/`` is laid out as the repository is: in a path ``SLUG`` stands for the slug, in a text ``$slug`` does, and ``$Slug``
for the slug as part of a class's name. `slug.py` says which slugs there can be, `pipeline.py` writes and removes.
"""
