"""Several Spark jobs of one build at a time.

A small query spends most of its time on one core, being planned; the tasks of another find the other core free.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

AT_ONCE = 2
T = TypeVar("T")


@contextmanager
def side_by_side(spark: "SparkSession", jobs: Sequence[Callable[[], T]]) -> Iterator[list[Future[T]]]:
    """Start the jobs and hand out their futures; the block ends with the last of them. When it raises, or the task is
    told to stop, those that still run are interrupted.
    """
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="spark-job") as pool:
        futures = [pool.submit(copy_context().run, job) for job in jobs]
        try:
            yield futures
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            with suppress(Exception):  # Of a server that is gone; what was raised first is what went wrong.
                spark.interruptAll()
            raise
