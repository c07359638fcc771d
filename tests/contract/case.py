"""What a check is given: clients, names of its own, expectations, and cleaning up afterwards."""

import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

CHECKS = []

# By the name that checks call them: the service and where it is asked.
SERVICES = {name: (name, "us-west-2") for name in ("ec2", "iam", "ecs", "logs", "s3", "secretsmanager", "ssm", "sts")} | {
    "tagging": ("resourcegroupstaggingapi", "us-west-2"),
    "tagging_us_east_1": ("resourcegroupstaggingapi", "us-east-1"),
    "s3_us_east_1": ("s3", "us-east-1"),
    "s3_eu_central_1": ("s3", "eu-central-1"),
}


def check(name):
    """Registers a check under its stable name."""

    def register(function):
        CHECKS.append((name, function))
        return function

    return register


class Clients:
    """One client a service; `raw` ones send what botocore itself would refuse."""

    def __init__(self, endpoint, outputs):
        config = dict(retries={"max_attempts": 1, "mode": "standard"}, connect_timeout=10, read_timeout=60)
        self.made = {}
        for validate in (True, False):
            for service, region in SERVICES.values():
                client = boto3.client(
                    service,
                    endpoint_url=endpoint,
                    region_name=region,
                    config=Config(parameter_validation=validate, **config),
                )
                outputs.attach(client)
                self.made[service, region, validate] = client

    def get(self, name, validate=True):
        return self.made[*SERVICES[name], validate]


class Case:
    """One run of one check. Everything made through `later` is taken away when it ends."""

    number = 0

    def __init__(self, clients):
        Case.number += 1
        self.prefix = f"c{Case.number:03}"
        self.clients = clients
        for name in SERVICES:
            setattr(self, name, clients.get(name))
        self.undo = []

    def raw(self, name):
        return self.clients.get(name, validate=False)

    def name(self, what="x"):
        return f"{self.prefix}-{what}"

    def later(self, call, **arguments):
        self.undo.append((call, arguments))

    def clean(self):
        for call, arguments in reversed(self.undo):
            try:
                call(**arguments)
            except Exception:
                pass  # the check may have deleted it itself, and what it left does not concern other checks

    def eq(self, got, want, what=""):
        assert got == want, f"{what or 'value'}: got {got!r}, AWS gives {want!r}"

    def has(self, got, wanted, what=""):
        """Every member of `wanted` is in `got`, to any depth; lists are equal in length."""
        if isinstance(wanted, dict):
            assert isinstance(got, dict), f"{what}: got {got!r}"
            for key, value in wanted.items():
                assert key in got, f"{what}.{key} is missing"
                self.has(got[key], value, f"{what}.{key}")
        elif isinstance(wanted, list):
            assert isinstance(got, list) and len(got) == len(wanted), f"{what}: got {got!r}, AWS gives {wanted!r}"
            for index, (one, other) in enumerate(zip(got, wanted)):
                self.has(one, other, f"{what}[{index}]")
        else:
            self.eq(got, wanted, what)

    def fails(self, code, call, status=None, message=None, **arguments):
        """The call fails with this code (or one of these), and with status and message where given."""
        codes = (code,) if isinstance(code, str) else code
        try:
            call(**arguments)
        except ClientError as error:
            detail = error.response["Error"]
            assert detail["Code"] in codes, f"got {detail['Code']}: {detail.get('Message')}; AWS gives {' or '.join(codes)}"
            got = error.response["ResponseMetadata"]["HTTPStatusCode"]
            assert status is None or got == status, f"{detail['Code']} with status {got}, AWS gives {status}"
            said = detail.get("Message", "")
            assert message is None or message.lower() in said.lower(), f"got the message {said!r}, AWS says {message!r}"
            return error.response
        raise AssertionError(f"it was accepted; AWS gives {' or '.join(codes)}")

    def until(self, probe, what, seconds=5):
        """Asks until the probe is true; the answerers are fast."""
        end = time.monotonic() + seconds
        while True:
            got = probe()
            if got:
                return got
            assert time.monotonic() < end, f"{what} did not come about in {seconds} s"
            time.sleep(0.05)
