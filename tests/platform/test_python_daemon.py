"""Python workers of a session: they read no archive of the pyspark that lies on their path as a folder."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyspark
import pytest

from spark_jobs.common.python_daemon import without_archives

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

PYSPARK = Path(pyspark.__file__).parent
PACKAGES = str(PYSPARK.parent)
ZIP, JAR = str(PYSPARK / "python" / "lib" / "pyspark.zip"), str(PYSPARK / "jars" / "spark-core.jar")


@pytest.mark.spark
def test_a_worker_imports_pyspark_from_its_folder_and_reads_no_archive(spark: "SparkSession") -> None:
    def seen(_: object) -> "Iterator[str | list[str]]":
        finders = sys.path_importer_cache.items()
        yield pyspark.__file__
        yield sys.path
        yield [entry for entry, finder in finders if type(finder).__name__ == "zipimporter"]

    imported, path, archives = spark.sparkContext.parallelize([0], 1).mapPartitions(seen).collect()
    assert (imported, archives) == (pyspark.__file__, [])
    assert PACKAGES in path
    assert not [entry for entry in path if entry.startswith(str(PYSPARK)) and entry.endswith((".zip", ".jar"))]


def test_what_is_no_archive_stays_in_its_order() -> None:
    assert without_archives(["/a", ZIP, PACKAGES, JAR, "/b"]) == ["/a", PACKAGES, "/b"]


def test_archives_of_others_stay() -> None:
    path = ["/opt/spark/python/lib/pyspark.zip", "/opt/spark/jars/spark-core.jar", "/own.zip", PACKAGES]
    assert without_archives(path) == path


def test_where_pyspark_is_in_an_archive_only_the_path_stays_as_it_is() -> None:
    assert without_archives(["/a", ZIP, JAR]) == ["/a", ZIP, JAR]
