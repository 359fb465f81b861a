"""Python workers of a session: their module path holds no archive, wherever pyspark lies beside them as a folder."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyspark
import pytest

from spark_jobs.common.python_daemon import without_archives

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

PACKAGES = str(Path(pyspark.__file__).parents[1])


@pytest.mark.spark
def test_a_worker_imports_pyspark_from_its_folder_and_has_no_archive_on_its_path(spark: "SparkSession") -> None:
    def seen(_: object) -> "Iterator[str]":
        yield pyspark.__file__
        yield from sys.path

    imported, *path = spark.sparkContext.parallelize([0], 1).mapPartitions(seen).collect()
    assert imported == pyspark.__file__
    assert PACKAGES in path and not [entry for entry in path if entry.endswith((".zip", ".jar"))]


def test_what_is_no_archive_stays_in_its_order() -> None:
    assert without_archives(["/a", "/pyspark.zip", PACKAGES, "/core.jar", "/b"]) == ["/a", PACKAGES, "/b"]


def test_where_pyspark_is_in_an_archive_only_the_path_stays_as_it_is() -> None:
    assert without_archives(["/a", "/pyspark.zip", "/core.jar"]) == ["/a", "/pyspark.zip", "/core.jar"]
