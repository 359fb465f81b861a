"""S3, for the lake and for landing files: where it is, as AWS's own variables say, and its errors in words.

Keys pass through no setting of ours: Iceberg and boto3 look for them where every AWS program does (AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY, a profile, the role of the machine), each process in its own environment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from platform_local.problem import Problem
from spark_jobs.common.outcome import TryAgain

SCHEME = "s3://"
# What a client of a store that knows no regions signs with.
_ANY_REGION = "us-east-1"
_NO_SUCH = ("NoSuchBucket", "404")
_REFUSED = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "ExpiredToken", "InvalidToken", "403")


def on_s3(place: str) -> bool:
    return place.startswith(SCHEME)


def bucket_and_prefix(place: str) -> tuple[str, str]:
    """``s3://bucket/a/b`` as the bucket's name and what each key below begins with: ``a/b/``."""
    at = urlsplit(place)
    path = at.path.strip("/")
    if not at.netloc:
        raise Problem(f"{place} names no bucket: give s3://bucket/prefix.")
    return at.netloc, f"{path}/" if path else ""


def file_io_conf(environ: Mapping[str, str]) -> dict[str, str]:
    """Settings of an Iceberg catalog whose files lie in S3."""
    conf = {"io-impl": "org.apache.iceberg.aws.s3.S3FileIO"}
    if endpoint := _endpoint(environ):
        # Of buckets as host names only AWS itself can be sure; and some stores, as rclone's, keep the chunks of an upload as
        # they come.
        conf |= {"s3.endpoint": endpoint, "s3.path-style-access": "true", "s3.chunked-encoding-enabled": "false"}
    if region := _region(environ):
        conf["client.region"] = region
    return conf


def require_warehouse(environ: Mapping[str, str]) -> None:
    """Fail at once, with a sentence, where Spark would fail after minutes, with a screen of Java."""
    if on_s3(place := environ.get("SIGNALBOX_WAREHOUSE", "")):
        reach(place, environ)


def reach(place: str, environ: Mapping[str, str]) -> Any:
    """boto3's client, once it has proved that the place can be listed. Raises ``Problem`` or ``TryAgain``, as ``in_words``."""
    # Imported here: a session on local files needs neither.
    import boto3
    from botocore.config import Config

    bucket, prefix = bucket_and_prefix(place)
    endpoint = _endpoint(environ)
    config = Config(s3={"addressing_style": "path"}) if endpoint else None
    # A session of its own: the default one remembers the first keys that it saw.
    client = boto3.Session().client("s3", endpoint_url=endpoint, region_name=_region(environ), config=config)
    with in_words(place):
        client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    return client


@contextmanager
def in_words(place: str) -> Iterator[None]:
    """Raise ``Problem`` where S3 is asked for what it will never give, and ``TryAgain`` where it did not answer."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield
    except NoCredentialsError as error:
        raise Problem(
            f"No key for {place}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
        ) from error
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code"))
        if code in _NO_SUCH:
            raise Problem(f"{place} does not exist: make the bucket, or name another.") from error
        if code in _REFUSED:
            raise Problem(
                f"S3 refuses {place} ({code}): check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may do."
            ) from error
        raise TryAgain(f"S3 answers {code} for {place}; run this step again.") from error
    except BotoCoreError as error:
        raise TryAgain(f"S3 cannot be reached for {place} ({error}); run this step again.") from error


def _endpoint(environ: Mapping[str, str]) -> str | None:
    return environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL") or None


def _region(environ: Mapping[str, str]) -> str | None:
    named = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    return named or (_ANY_REGION if _endpoint(environ) else None)
