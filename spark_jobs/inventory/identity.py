"""What names a material in every table of the pipeline."""

KEY = ["location_id", "material_id"]
