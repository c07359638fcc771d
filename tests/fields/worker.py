"""Somebody else with the credentials of the account: runs statements that arrive on stdin, one JSON object a line.

Each object has `code` and `names`; the answer is one line of JSON, with `error` when a statement failed. Names that
statements set stay for the ones that follow.
"""

import json
import sys
import traceback

import boto3


SERVICES = set(boto3.session.Session().get_available_services())


class Clients(dict):
    """The names that statements see; the name of a service that is not there yet becomes a client of it."""

    def __missing__(self, name):
        if name not in SERVICES:
            raise KeyError(name)
        self[name] = boto3.client(name, endpoint_url=sys.argv[1])
        return self[name]


names = Clients()
for line in sys.stdin:
    request = json.loads(line)
    names.update(request["names"])
    answer = {}
    try:
        exec(compile(request["code"], "drift", "exec"), names)
    except Exception:
        answer["error"] = traceback.format_exc(limit=-2)
    print(json.dumps(answer), flush=True)
