"""moto as S3: a bucket whose every request must be signed with the one key that it knows, behind a line that can be cut."""

import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import boto3

from platform_local.ports import HOST, answers, free_port

BUCKET = "signalbox"
_REGION = "us-east-1"
_MAY_ALL = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'


class Store:
    """The stand-in, as its clients see it: ``environ`` is what AWS's own programs would be told."""

    def __init__(self, log: Path) -> None:
        port = free_port()
        self._process = _started(port, log)
        secret, key = _first_key(f"http://{HOST}:{port}")
        self.line = Line(port)
        self.environ = {
            "AWS_ENDPOINT_URL_S3": f"http://{HOST}:{self.line.port}",
            "AWS_REGION": _REGION,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
        }
        self.client = boto3.client(
            "s3",
            endpoint_url=f"http://{HOST}:{port}",
            region_name=_REGION,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
        )
        self.client.create_bucket(Bucket=BUCKET)
        # So far anybody was let in: how else would there be a key. From now on each request's signature is checked.
        strict = urllib.request.Request(
            f"http://{HOST}:{port}/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"}
        )
        urllib.request.urlopen(strict).close()

    def upload(self, folder: Path, prefix: str) -> None:
        """Every file of the folder below the prefix."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.put(f"{prefix}/{path.relative_to(folder)}", path.read_bytes())

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def keys(self, prefix: str) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def end(self) -> None:
        self.line.cut()
        self._process.terminate()
        self._process.wait()


def _started(port: int, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        command = [sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(port)]
        process = subprocess.Popen(command, stdout=out, stderr=out)
    deadline = time.monotonic() + 120
    while not answers(port):
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-2000:]
        time.sleep(0.1)
    return process


def _first_key(endpoint: str) -> tuple[str, str]:
    anyone = {"aws_access_key_id": "anyone", "aws_secret_access_key": "anything", "region_name": _REGION}
    iam = boto3.client("iam", endpoint_url=endpoint, **anyone)
    iam.create_user(UserName="signalbox")
    key = iam.create_access_key(UserName="signalbox")["AccessKey"]
    iam.put_user_policy(UserName="signalbox", PolicyName="all", PolicyDocument=_MAY_ALL)
    return key["SecretAccessKey"], key["AccessKeyId"]


class Line:
    """A TCP line to a port of this machine, which ``cut`` breaks in the middle of whatever passes, until ``mend``."""

    def __init__(self, to: int) -> None:
        self._to, self.port = to, free_port()
        self._open: set[socket.socket] = set()
        self.mend()

    def mend(self) -> None:
        self._listener = socket.create_server((HOST, self.port), backlog=100)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        for end in (self._listener, *self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection((HOST, self._to))
                self._open |= {client, server}
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._open -= {source, target}
        # The other direction still holds them; each ends by its own read.
