"""``python -m scaffold add|remove SLUG``: what `make new-pipeline` and `make remove-pipeline` call.

Exit status: 0 done, 2 a slug that cannot be used.
"""

import argparse
import sys

from scaffold import pipeline
from scaffold.slug import BadSlug


def main(argv: list[str]) -> int:
    """Write or remove, and say what and how to go on."""
    parser = argparse.ArgumentParser(prog="python -m scaffold", description=__doc__)
    parser.add_argument("command", choices=("add", "remove"))
    parser.add_argument("slug", help="one lower-case word, e.g. trams")
    args = parser.parse_args(argv)
    try:
        paths = pipeline.add(args.slug) if args.command == "add" else pipeline.remove(args.slug)
    except BadSlug as bad:
        print(f"signalbox: {bad}", file=sys.stderr)
        return 2
    for path in paths:
        print(f"  {path}")
    print(_afterwards(args.command, args.slug))
    return 0


def _afterwards(command: str, slug: str) -> str:
    if command == "remove":
        return f"Removed pipeline {slug}; what it has published stays in the lake."
    return f"Written: pipeline {slug}. Make it yours as docs/add-a-pipeline.md shows; `make remove-pipeline SLUG={slug}` undoes it."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
