"""How the tests' own Spark session differs from a product's: most of its queries run once, over a handful of rows."""

# To compile Java for a query costs a multiple of interpreting it here. Whole runs (`test_*_run.py`, those in Airflow)
# have sessions of their own, which compile.
INTERPRETED = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
