# One image for every service of docker-compose.yaml but PostgreSQL: Airflow's, Spark's and the store.
# It has not been built yet (see README): what it copies, installs and runs is proved by tests that need no engine.
FROM python:3.11.13-slim-bookworm

RUN apt-get update \
    && apt-get install -y --no-install-recommends openjdk-17-jre-headless procps tini \
    && rm -rf /var/lib/apt/lists/*

# A new volume takes its owner and what it begins with from the folder that it is mounted on; a folder of the store is a bucket.
RUN useradd --create-home --uid 50000 signalbox \
    && mkdir -p /opt/signalbox /var/lib/store/warehouse /var/lib/store/landing /var/lib/signalbox/run /var/lib/signalbox/landing \
    && chown -R signalbox /var/lib/signalbox /var/lib/store

# The S3-compatible store of docker-compose.yaml: one static program.
COPY --from=rclone/rclone:1.75.2 /usr/local/bin/rclone /usr/local/bin/rclone

WORKDIR /opt/signalbox
# Dependencies first: they change seldom, and this layer then stays.
COPY requirements.txt ./
RUN pip install --no-cache-dir "$(grep '^uv==' requirements.txt)" \
    && uv pip install --system --no-cache --compile-bytecode -r requirements.txt

# The jars are pinned in one place and lie in the image: a container needs no network to start. A warehouse s3://… takes one more.
ARG SIGNALBOX_WAREHOUSE=
COPY platform_local ./platform_local
RUN python -m platform_local jars --into "$(python -c 'import pyspark; print(pyspark.__path__[0])')/jars"

COPY config ./config
COPY expectations ./expectations
COPY spark_jobs ./spark_jobs
COPY simulators ./simulators
COPY plugins ./plugins
COPY dags ./dags

# The image has neither git nor .git: receipts name the commit that the builder names.
ARG SIGNALBOX_GIT_SHA=unknown
ENV PYTHONPATH=/opt/signalbox:/opt/signalbox/config:/opt/signalbox/plugins \
    PYTHONUNBUFFERED=1 \
    SIGNALBOX_GIT_SHA=$SIGNALBOX_GIT_SHA
USER signalbox
ENTRYPOINT ["tini", "--"]
CMD ["airflow", "version"]
