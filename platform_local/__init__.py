"""The Signalbox platform on one machine: Java, Spark jars, PostgreSQL, Spark Connect and Airflow, without Docker.

``make`` is its front door (``make help``); ``python -m platform_local`` is what the targets call. Everything that is
started binds to loopback, keeps its state under ``SIGNALBOX_HOME`` (default ``var/``), and is gone after ``make down``.

    java.py         a Java that can run Spark              jars.py         the Spark jars, fetched once
    class_data.py   an archive of Spark's classes          housekeeper.py  Connect anew, old logs away
    postgres.py     a private PostgreSQL cluster           environment.py  settings, secrets, ports
    components.py   how each process is started            supervisor.py   up, down, status
    airflow_api.py  Airflow's REST API                     demo.py         `make demo`
    world.py        landing files in real time             breaking.py     `make break`, `make mend`
    slack_standin.py  Slack, where none is set           healthy.py      what docker-compose asks of Airflow
    bootstrap.py    `make setup`, on the bare machine      problem.py      errors that say what to do
"""
