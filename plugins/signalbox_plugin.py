"""The one file that Airflow's plugin manager loads; everything else is imported as the package ``signalbox``."""

from airflow.plugins_manager import AirflowPlugin


class SignalboxPlugin(AirflowPlugin):
    """Makes Signalbox show up under Admin > Plugins; its pages in the UI will register here."""

    name = "signalbox"
