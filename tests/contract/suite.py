"""Asks an endpoint what AWS documents and prints one JSON line a check: {name, ok, got}.

The expectations come from AWS's API references and user guides, never from the answer of an implementation.
`shape.<service>.<Operation>` are checks of their own: every answer to that operation fits its published shape.
"""

import argparse
import json
import time

from botocore.exceptions import ClientError

import checks_ec2  # noqa: F401  (importing registers)
import checks_ec2_devices  # noqa: F401
import checks_ec2_instances  # noqa: F401
import checks_ec2_network  # noqa: F401
import checks_ecs  # noqa: F401
import checks_ecs_more  # noqa: F401
import checks_ecs_services  # noqa: F401
import checks_external  # noqa: F401
import checks_iam  # noqa: F401
import checks_iam_policies  # noqa: F401
import checks_logs  # noqa: F401
import checks_parameters  # noqa: F401
import checks_s3  # noqa: F401
import checks_secrets  # noqa: F401
import checks_ssm_sts  # noqa: F401
import checks_tagging  # noqa: F401
from case import CHECKS, Case, Clients
from outputs import Outputs


def run(function, clients):
    case = Case(clients)
    try:
        function(case)
        return True, ""
    except AssertionError as failure:
        return False, str(failure)
    except ClientError as failure:
        return False, f"{failure.operation_name}: {failure.response['Error']['Code']}: {failure.response['Error'].get('Message')}"
    except Exception as failure:
        return False, f"{type(failure).__name__}: {failure}"
    finally:
        case.clean()


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--endpoint", required=True)
    arguments.add_argument("--only", default="", help="run the checks whose name starts with this")
    given = arguments.parse_args()
    names = [name for name, _ in CHECKS]
    assert len(names) == len(set(names)), "two checks have one name"
    outputs = Outputs()
    clients = Clients(given.endpoint, outputs)
    for name, function in sorted(CHECKS, key=lambda one: one[0]):
        if name.startswith(given.only):
            start = time.monotonic()
            ok, got = run(function, clients)
            seconds = round(time.monotonic() - start, 2)
            finding = {"name": name, "ok": ok, "got": " ".join(got.split())[:400], "seconds": seconds}
            print(json.dumps(finding), flush=True)
    for operation, faults in sorted(outputs.faults.items()):
        got = "; ".join(sorted(faults))[:400]
        print(json.dumps({"name": f"shape.{operation}", "ok": not faults, "got": got}), flush=True)


main()
