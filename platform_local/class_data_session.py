"""The session whose classes are archived: ``python -m platform_local.class_data_session ARCHIVE FOLDER JARS``.

It does a little of what a pipeline does: reads files, joins, counts, calls Python, writes and
merges Iceberg tables in ``FOLDER``. The JVM writes the archive as it ends.
"""

from __future__ import annotations

import sys
from typing import cast

import pandas as pd
from pyspark import SparkContext
from pyspark.sql import SparkSession
from pyspark.sql import functions as F


def main(archive: str, folder: str, jars: str) -> None:
    options = f"-XX:TieredStopAtLevel=1 -XX:+UseParallelGC -XX:ArchiveClassesAtExit={archive} -Xlog:cds=off -Xlog:cds+dynamic=off"
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.jars", jars)
        .config("spark.driver.extraJavaOptions", options)
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
        .config("spark.sql.catalog.lake", "org.apache.iceberg.spark.SparkCatalog")
        .config("spark.sql.catalog.lake.type", "hadoop")
        .config("spark.sql.catalog.lake.warehouse", f"file://{folder}/lake")
        .getOrCreate()
    )
    try:
        _work(spark, folder)
    finally:
        gateway = SparkContext._gateway
        spark.stop()
        if gateway is not None:
            gateway.proc.stdin.close()
            gateway.proc.wait()


def _work(spark: SparkSession, folder: str) -> None:
    rows = spark.range(1000).selectExpr(
        "id",
        "id % 7 AS part",
        "CAST(id AS string) AS name",
        "timestamp_seconds(id) AS at",
        "array(named_struct('a', id)) AS many",
    )
    rows.write.parquet(f"file://{folder}/landing")
    rows.select("id", "name").write.option("header", True).csv(f"file://{folder}/texts")
    spark.read.option("header", True).csv(f"file://{folder}/texts").createOrReplaceTempView("texts")
    landed = spark.read.parquet(f"file://{folder}/landing").withColumn("file", F.input_file_name())
    landed.createOrReplaceTempView("landed")
    spark.sql(
        "CREATE TABLE lake.toy.rows USING iceberg PARTITIONED BY (days(at), bucket(4, id)) AS SELECT * FROM landed"
    )
    spark.sql("ALTER TABLE lake.toy.rows CREATE BRANCH other")
    spark.sql(
        "MERGE INTO lake.toy.rows.branch_other t USING (SELECT id + 500 AS id, part, name, at, many, file FROM lake.toy.rows) s ON t.id = s.id "
        "WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
    )
    spark.sql("DELETE FROM lake.toy.rows.branch_other WHERE id < 10")
    spark.sql("INSERT OVERWRITE lake.toy.rows SELECT * FROM landed WHERE part < 5")
    spark.sql("SELECT * FROM lake.toy.rows.snapshots").toPandas()
    spark.sql(
        "SELECT part, count(*), count(DISTINCT name), max(at), percentile(id, 0.5), collect_list(name) "
        "FROM (SELECT r.*, row_number() OVER (PARTITION BY r.part ORDER BY r.at) AS place FROM lake.toy.rows r "
        "JOIN texts t ON t.name = r.name LEFT ANTI JOIN (SELECT 3 AS id) n ON n.id = r.id) WHERE place < 50 GROUP BY part ORDER BY part"
    ).toPandas()
    spark.createDataFrame(pd.DataFrame({"id": [1, 2], "name": ["a", "b"]})).createOrReplaceTempView("given")
    spark.sql(
        "SELECT sha2(concat_ws('|', id, name), 256), xxhash64(id), explode(many) FROM landed JOIN given USING (id)"
    ).collect()
    landed.groupBy("part").applyInPandas(
        lambda part: cast("pd.DataFrame", part[["id", "part"]]), "id long, part long"
    ).toPandas()
    landed.select("id").mapInArrow(iter, "id long").toPandas()


if __name__ == "__main__":
    main(*sys.argv[1:])
