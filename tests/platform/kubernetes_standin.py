"""A strict stand-in of the Kubernetes API server: what spark-submit may ask of it, over TLS and with a token; it runs nothing.

It checks a driver's pod against the API's schema, keeps what it is given, and tells whoever watches the pod how it ended.
"""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST, TOKEN = "127.0.0.1", "somebody-who-may-make-pods"
SCHEMA = json.loads(Path(__file__).with_name("kubernetes_pod.schema.json").read_text())
APPLIED = {"services": "Service", "configmaps": "ConfigMap"}


class KubernetesApi:
    """What one namespace holds. ``exit_code`` is how every driver ends; None keeps it running."""

    def __init__(self, namespace: str, url: str, kubeconfig: Path) -> None:
        self.namespace, self.url, self.kubeconfig = namespace, url, kubeconfig
        self.exit_code: int | None = 0
        self.pods: dict[str, dict[str, Any]] = {}
        self.applied: dict[str, dict[str, Any]] = {}
        self.deleted: list[str] = []
        self.refused: list[str] = []
        self.watched = threading.Event()

    def answer(self, method: str, path: str, kind: str, body: bytes) -> tuple[int, dict[str, Any]]:
        collection, _, name = path.removeprefix(f"/api/v1/namespaces/{self.namespace}/").partition("/")
        if (method, collection, name) == ("POST", "pods", ""):
            return self._create(json.loads(body))
        if method == "PATCH" and collection in APPLIED and name and kind == "application/apply-patch+yaml":
            return self._apply(collection, json.loads(body))
        if method in ("GET", "DELETE") and collection == "pods" and name in self.pods:
            if method == "DELETE":
                self.deleted.append(name)
            return 200, self.pods[name]
        return self._refuse(404, f"{method} {path} ({kind})")

    def events(self, name: str) -> list[dict[str, Any]]:
        """What a watch of the pod tells, up to its end."""
        pod = self.pods[name]
        container = {"name": "spark-kubernetes-driver", "image": "i", "imageID": "", "ready": False, "restartCount": 0}
        running = {"phase": "Running", "containerStatuses": [container | {"state": {"running": {}}}]}
        told = [{"type": "ADDED", "object": pod}, {"type": "MODIFIED", "object": pod | {"status": running}}]
        if self.exit_code is None:
            return told
        ended = {"exitCode": self.exit_code, "reason": "Error" if self.exit_code else "Completed"}
        phase = "Failed" if self.exit_code else "Succeeded"
        status = {"phase": phase, "containerStatuses": [container | {"state": {"terminated": ended}}]}
        return [*told, {"type": "MODIFIED", "object": pod | {"status": status}}]

    def _create(self, pod: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        try:
            jsonschema.validate(pod, SCHEMA)
        except jsonschema.ValidationError as error:
            return self._refuse(422, f"a pod that is none: {error.message}")
        name = pod["metadata"]["name"]
        made = {"uid": f"uid-of-{name}", "resourceVersion": "1", "namespace": self.namespace}
        self.pods[name] = pod | {"metadata": pod["metadata"] | made, "status": {"phase": "Pending"}}
        return 201, self.pods[name]

    def _apply(self, collection: str, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        owners = {owner["uid"] for owner in given["metadata"].get("ownerReferences", ())}
        if given["kind"] != APPLIED[collection] or not owners <= {pod["metadata"]["uid"] for pod in self.pods.values()}:
            return self._refuse(422, f"{given['kind']} among the {collection}, owned by {owners}")
        self.applied[given["kind"]] = given
        return 200, given

    def _refuse(self, code: int, what: str) -> tuple[int, dict[str, Any]]:
        self.refused.append(what)
        return code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": what}


def _handler(api: KubernetesApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            at = urlsplit(self.path)
            if self.headers.get("authorization") != f"Bearer {TOKEN}":
                self._send(401, {"kind": "Status", "status": "Failure", "code": 401})
            elif parse_qs(at.query).get("watch") == ["true"]:
                self._watch(parse_qs(at.query)["fieldSelector"][0].removeprefix("metadata.name="))
            else:
                self._send(*api.answer(self.command, at.path, self.headers.get("content-type", ""), body))

        do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 -- names that http.server looks for

        def _watch(self, name: str) -> None:
            if self.headers.get("upgrade"):  # The client then asks for the same without a web socket.
                self._send(503, {"kind": "Status", "status": "Failure", "code": 503})
                return
            self.close_connection = True
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("connection", "close")
            self.end_headers()
            for event in api.events(name):
                self.wfile.write(json.dumps(event).encode() + b"\n")
            self.wfile.flush()
            api.watched.set()
            self.rfile.read(1)  # Until the client goes.

        def _send(self, code: int, answer: dict[str, Any]) -> None:
            text = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *args: Any) -> None:
            """Nothing on the screen."""

    return Handler


@contextmanager
def kubernetes_api(folder: Path, namespace: str) -> Iterator[KubernetesApi]:
    """A server of one namespace, and the kubeconfig of somebody who may use it, in ``folder``."""
    certificate, key = _certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer((HOST, 0), BaseHTTPRequestHandler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = f"https://{HOST}:{server.server_port}"
    api = KubernetesApi(namespace, url, folder / "kubeconfig")
    server.RequestHandlerClass = _handler(api)
    named = {
        "clusters": [{"name": "c", "cluster": {"server": url, "certificate-authority": str(certificate)}}],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    }
    api.kubeconfig.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "x", **named}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate that vouches for itself, and its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "api")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key(), serial_number=1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    certificate, keyfile = folder / "api.crt", folder / "api.key"
    certificate.write_bytes(signed.public_bytes(pem))
    plain = serialization.NoEncryption()
    keyfile.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return certificate, keyfile
