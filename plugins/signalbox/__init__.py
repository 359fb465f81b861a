"""The only code that knows Airflow: cadences, house rules, the building blocks of a DAG file, engines, alerts; and the watch."""
