"""A landing zone in S3. Its files are brought to the staging folder to be read, named by what they hold."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

from botocore.exceptions import ClientError

from spark_jobs.common import s3
from spark_jobs.common.outcome import TryAgain
from spark_jobs.common.zone import MANIFEST, SUFFIXES, Found, changed

_CHUNK = 1 << 20
_NO_SUCH_KEY = ("NoSuchKey", "404")
_ANOTHER_NOW = (*_NO_SUCH_KEY, "PreconditionFailed", "412")


class Bucket:
    """A landing zone below a prefix of a bucket. Raises ``Problem`` where it may not be read or does not exist."""

    def __init__(self, place: str, staging: Path) -> None:
        self._client = s3.reach(place, os.environ)
        self._place, self._staging = place, staging
        self._bucket, self._prefix = s3.bucket_and_prefix(place)

    def files(self, table: str, first: date, last: date) -> list[Found]:
        days = (first + timedelta(days=n) for n in range((last - first).days + 1))
        return [found for day in days for found in self._of_day(f"{table}/{day.isoformat()}/")]

    def _of_day(self, folder: str) -> Iterator[Found]:
        objects = {entry["Key"].removeprefix(self._prefix): entry for entry in self._listed(folder, Delimiter="/")}
        for name, entry in sorted(objects.items()):
            if PurePosixPath(name).suffix in SUFFIXES:
                changed_at = entry["LastModified"].timestamp()
                stamp = (entry["ETag"], entry["Size"], changed_at)
                yield Found(name, stamp, changed_at, bare=f"{name}{MANIFEST}" not in objects)

    def _listed(self, below: str = "", **options: str) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("list_objects_v2")
        with s3.in_words(self._place):
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + below, **options):
                yield from page.get("Contents", [])

    def read(self, name: str) -> bytes | None:
        with s3.in_words(self._place):
            try:
                body = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)["Body"]
            except ClientError as error:
                if error.response["Error"]["Code"] in _NO_SUCH_KEY:
                    return None
                raise
            return bytes(body.read())

    def at_hand(self, found: Found) -> tuple[Path, str]:
        """Raises ``TryAgain`` when the object is no longer the one that was listed."""
        self._staging.mkdir(parents=True, exist_ok=True)
        half = self._staging / f"landed.{os.getpid()}.part"
        try:
            digest = self._bring(found, half)
            # A file of these bytes that is there already may be in use: this one takes its name, and nobody notices.
            here = self._staging / f"{digest}.landed{PurePosixPath(found.name).suffix}"
            half.replace(here)
        finally:
            half.unlink(missing_ok=True)
        return here, digest

    def _bring(self, found: Found, target: Path) -> str:
        digest, etag = hashlib.sha256(), found.stamp[0]  # type: ignore[index]
        with s3.in_words(self._place), target.open("wb") as file:
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + found.name, IfMatch=etag)
            except ClientError as error:
                if error.response["Error"]["Code"] not in _ANOTHER_NOW:
                    raise
                raise TryAgain(changed(found.name)) from error
            for chunk in answer["Body"].iter_chunks(_CHUNK):
                digest.update(chunk)
                file.write(chunk)
        return digest.hexdigest()

    def size(self) -> int:
        return sum(entry["Size"] for entry in self._listed())
