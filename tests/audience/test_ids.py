"""What ids are compared by: contracts and jobs say it in SQL, the simulator's truth in Python."""

import unicodedata
from typing import TYPE_CHECKING

import pytest
from pyspark.sql import functions as F

from expectations.audience.ids import AROUND, bare, bare_sql, is_bare_sql

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ZERO_WIDTH_JOINER = "\u200d"


def test_all_white_space_of_unicode_is_around_an_id() -> None:
    every = {chr(code) for code in range(0x110000)}
    spaces = {sign for sign in every if unicodedata.category(sign) in ("Zs", "Zl", "Zp")}
    assert set(AROUND) == spaces | set("\t\n\v\f\r\u0085\ufeff")


@pytest.mark.parametrize("sign", AROUND, ids=ascii)
def test_an_id_has_nothing_around_it(sign: str) -> None:
    assert (bare(f"{sign}a{sign}b {sign}"), bare(sign * 2)) == (f"a{sign}b", "")


@pytest.mark.spark
def test_sql_and_python_agree_on_every_sign(spark: "SparkSession") -> None:
    texts = ["", "n'b\\", ZERO_WIDTH_JOINER, *(text for sign in AROUND for text in (sign, f"{sign} n{sign}b{sign}"))]
    rows = spark.createDataFrame([(text,) for text in texts], "id string")
    told = rows.select("id", F.expr(bare_sql("id")).alias("bare"), F.expr(is_bare_sql("id")).alias("is_bare"))
    assert [tuple(row) for row in told.collect()] == [
        (text, bare(text), text == bare(text) and text != "") for text in texts
    ]
