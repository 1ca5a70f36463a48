"""A gate's knobs for `sam deploy`: `knobs.py VARIABLE` prints the JSON object in that variable as sam reads it.

sam splits the values of parameters at spaces, and takes their quotes away.
"""

import json
import os
import sys


def main(variable: str) -> str:
    """The object in one line, between quotes."""
    try:
        knobs = json.loads(os.environ[variable])
    except ValueError as error:
        sys.exit(f"{variable} is no JSON: {error}")
    if not isinstance(knobs, dict):
        sys.exit(f'{variable} must be a JSON object of a gate\'s knobs, such as {{"ratePerSecond": 5, …}}')
    compact = json.dumps(knobs, separators=(",", ":"))
    # sam would take a backslash before a quote for its own, so JSON's own escapes become those that it leaves alone.
    plain = compact.replace("\\\\", "\\u005c").replace('\\"', "\\u0022")
    return '"' + plain.replace('"', '\\"') + '"'


if __name__ == "__main__":
    print(main(sys.argv[1]))
