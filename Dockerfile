# One image for every Signalbox process: Airflow's services, the Spark Connect server, spark-submit.
# First form: not built yet (see README). PostgreSQL has an image of its own (docker-compose.yaml).
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install -y --no-install-recommends openjdk-17-jre-headless procps tini \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --create-home --uid 50000 signalbox \
    && mkdir -p /opt/signalbox /var/lib/signalbox \
    && chown signalbox /var/lib/signalbox

WORKDIR /opt/signalbox
# Dependencies first: they change seldom, and this layer then stays.
COPY requirements.txt ./
RUN pip install --no-cache-dir uv && uv pip install --system --no-cache -r requirements.txt

# The jars are pinned in one place and lie in the image: a container needs no network to start.
COPY platform_local ./platform_local
RUN python -m platform_local jars --into "$(python -c 'import pyspark; print(pyspark.__path__[0])')/jars"

COPY config ./config
COPY expectations ./expectations
COPY spark_jobs ./spark_jobs
COPY simulators ./simulators
COPY plugins ./plugins
COPY dags ./dags

ENV PYTHONPATH=/opt/signalbox:/opt/signalbox/config \
    PYTHONUNBUFFERED=1
USER signalbox
ENTRYPOINT ["tini", "--"]
CMD ["airflow", "version"]
