"""What S3 changes in settings: where the lake's files lie, one more jar, and that no key is among them."""

import pytest

from platform_local import jars
from platform_local.environment import Settings
from platform_local.problem import Problem
from platform_local.world import World
from spark_jobs.common.s3 import bucket_and_prefix
from spark_jobs.common.spark_conf import session_conf

IN_S3 = {
    "SIGNALBOX_CATALOG_URI": "jdbc:postgresql://127.0.0.1:5432/catalog",
    "SIGNALBOX_CATALOG_USER": "catalog",
    "SIGNALBOX_CATALOG_PASSWORD": "stand-in",
    "SIGNALBOX_WAREHOUSE": "s3://bucket/lake",
    "AWS_REGION": "eu-north-1",
    "AWS_ACCESS_KEY_ID": "a-key",
    "AWS_SECRET_ACCESS_KEY": "a-secret",
}
OUR_STORE = {**IN_S3, "AWS_ENDPOINT_URL_S3": "http://store:9000", "AWS_REGION": ""}


def of_catalog(environ: dict[str, str]) -> dict[str, str]:
    """The settings of the catalog that S3 brings."""
    conf = session_conf(environ)
    names = ("warehouse", "io-impl", "s3.endpoint", "s3.path-style-access", "client.region")
    return {name: conf[key] for name in names if (key := f"spark.sql.catalog.lake.{name}") in conf}


def test_a_warehouse_in_aws_needs_its_region_alone():
    assert of_catalog(IN_S3) == {
        "warehouse": "s3://bucket/lake",
        "io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        "client.region": "eu-north-1",
    }


def test_a_store_of_ones_own_is_addressed_by_path_and_needs_no_region():
    assert of_catalog(OUR_STORE) == {
        "warehouse": "s3://bucket/lake",
        "io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        "s3.endpoint": "http://store:9000",
        "s3.path-style-access": "true",
        "client.region": "us-east-1",
    }


def test_a_warehouse_in_files_knows_nothing_of_s3():
    assert of_catalog({**OUR_STORE, "SIGNALBOX_WAREHOUSE": "file:///lake"}) == {"warehouse": "file:///lake"}


def test_no_key_is_a_setting_of_spark():
    assert [key for key, value in session_conf(OUR_STORE).items() if value in ("a-key", "a-secret")] == []


def test_only_a_warehouse_in_s3_takes_the_bundle_and_it_is_of_the_runtimes_version():
    assert jars.wanted({"SIGNALBOX_WAREHOUSE": "file:///lake", "SIGNALBOX_LANDING": "s3://bucket"}) == jars.JARS
    *ours, bundle = jars.wanted(IN_S3)
    assert tuple(ours) == jars.JARS
    assert (bundle.artifact, bundle.version) == ("iceberg-aws-bundle", jars.JARS[0].version)


def test_the_platform_hands_on_where_the_lake_is_with_its_jar_and_the_shells_keys(tmp_path):
    home = {"SIGNALBOX_HOME": str(tmp_path / "home"), "SIGNALBOX_ENV_FILE": str(tmp_path / "env")}
    (tmp_path / "env").write_text("SIGNALBOX_WAREHOUSE=s3://bucket/lake\nAWS_SECRET_ACCESS_KEY=of-the-file\n")
    environ = Settings({**home, "AWS_SECRET_ACCESS_KEY": "of-the-shell"}).environment()
    assert environ["SIGNALBOX_WAREHOUSE"] == "s3://bucket/lake"
    assert environ["AWS_SECRET_ACCESS_KEY"] == "of-the-shell"
    assert jars.S3_JAR.file_name in environ["SIGNALBOX_JARS"]


def test_the_world_lands_in_a_folder_only():
    with pytest.raises(Problem, match="not in s3://bucket/landing: start with `WORLD=off make up`"):
        World.of({"SIGNALBOX_LANDING": "s3://bucket/landing"})


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("s3://bucket", ("bucket", "")),
        ("s3://bucket/", ("bucket", "")),
        ("s3://bucket/a/b/", ("bucket", "a/b/")),
    ],
)
def test_a_place_is_a_bucket_and_what_keys_begin_with(place, expected):
    assert bucket_and_prefix(place) == expected


def test_a_place_without_a_bucket_is_an_error():
    with pytest.raises(Problem, match=r"s3:///landing names no bucket"):
        bucket_and_prefix("s3:///landing")
