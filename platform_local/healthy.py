"""``python -m platform_local.healthy scheduler``: exit status 0 when Airflow's API says so of a component.

What the health checks of docker-compose.yaml ask: Airflow's own ``airflow jobs check`` costs seconds of CPU every time.
Components are named as by ``/api/v2/monitor/health``: metadatabase, scheduler, dag_processor, triggerer.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from urllib.parse import urljoin

TIMEOUT_S = 5


def main(component: str) -> int:
    url = urljoin(os.environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"], "/api/v2/monitor/health")
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response:
        status = json.load(response)[component]["status"]
    print(f"{component} is {status}.")
    return int(status != "healthy")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
