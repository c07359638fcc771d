"""Holds every answer against the output shape that AWS publishes with botocore.

botocore checks what it sends but not what it gets: an unknown element is dropped in silence. So the raw answer is
walked here: no unknown member, required members present, types and enumerations right, errors with their status.
"""

import json
import re
import xml.etree.ElementTree as xml
from collections import defaultdict

TIMESTAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)$")


# Where AWS's user guides and AWS itself give a value that the published enumeration lacks.
BEYOND_THE_MODEL = {
    # "For an internet gateway, the state is available when attached to a VPC."
    "AttachmentStatus": {"available"},
}


class Outputs:
    """Collects the faults of each operation that was called."""

    def __init__(self):
        self.faults = defaultdict(set)

    def attach(self, client):
        client.meta.events.register("after-call.*.*", self.after_call)

    def after_call(self, http_response, model, **_):
        service = model.service_model
        operation = f"{service.endpoint_prefix}.{model.name}"
        faults = self.faults[operation]
        try:
            if service.protocol == "rest-xml" and http_response.status_code < 300:
                walk_rest(http_response, model, faults)
            elif http_response.status_code >= 300:
                error(http_response, model, faults)
            elif service.protocol == "json" or "json" in service.metadata.get("protocols", []):
                body = json.loads(http_response.content or b"{}")
                walk_json(model.output_shape, body, model.name, faults)
            else:
                walk_answer(model, http_response.content, faults)
        except Exception as fault:
            faults.add(f"unreadable answer: {type(fault).__name__}: {fault}")


def error(response, model, faults):
    """A modelled error has the code's status; every error has a code."""
    if model.http["method"] == "HEAD" or response.status_code == 304:
        if response.content:
            faults.add("an error with a body where none can be")
        return
    if model.service_model.protocol == "json" or "json" in model.service_model.metadata.get("protocols", []):
        code = json.loads(response.content)["__type"].rsplit("#", 1)[-1]
    else:
        root = xml.fromstring(response.content)
        code = next(element.text for element in root.iter() if local(element) == "Code")
    for shape in model.error_shapes:
        detail = shape.metadata.get("error", {})
        status = detail.get("httpStatusCode")
        if detail.get("code", shape.name) == code and status and status != response.status_code:
            faults.add(f"{code} has status {response.status_code}, not {status}")


def local(element):
    return element.tag.rsplit("}", 1)[-1]


def walk_answer(model, content, faults):
    root = xml.fromstring(content)
    if local(root) != f"{model.name}Response":
        faults.add(f"the root is {local(root)}")
    shape = model.output_shape
    if model.service_model.protocol == "ec2" or "ec2" in model.service_model.metadata.get("protocols", []):
        extra = {"requestId"}
        if not any(local(child) == "requestId" for child in root):
            faults.add("no requestId")
    else:
        extra = set()
        wrapper = shape.serialization.get("resultWrapper") if shape else None
        if not any(local(child) == "ResponseMetadata" for child in root):
            faults.add("no ResponseMetadata")
        if wrapper is None:
            return
        results = [child for child in root if local(child) == wrapper]
        if len(results) != 1:
            faults.add(f"{len(results)} {wrapper}")
            return
        root = results[0]
    if shape is None:
        # EC2's operations without an output answer <return>true</return>.
        extra = extra | {"return"}
        faults.update(f"unknown {local(child)}" for child in root if local(child) not in extra)
        return
    walk_xml(shape, root, model.name, faults, extra)


# Headers of every answer of S3.
EVERYWHERE = {"x-amz-request-id", "x-amz-id-2"}


def walk_rest(response, model, faults):
    """An answer in headers and body; what is streamed is left to whoever reads it."""
    shape = model.output_shape
    members = shape.members if shape else {}
    headers = {member.serialization.get("name", name).lower(): member for name, member in members.items() if member.serialization.get("location") == "header"}
    own = tuple(member.serialization["name"] for member in members.values() if member.serialization.get("location") == "headers")
    for name, value in response.headers.items():
        name = name.lower()
        if name in headers:
            if headers[name].type_name != "timestamp":
                scalar(headers[name], value, f"{model.name}.{name}", faults)
        elif name.startswith("x-amz-") and name not in EVERYWHERE and not (own and name.startswith(own)):
            faults.add(f"unknown header {name}")
    if shape is not None and "payload" in shape.serialization:
        return
    if any("location" not in member.serialization for member in members.values()):
        walk_xml(shape, xml.fromstring(response.content), model.name, faults)
    elif response.content:
        faults.add("a body where none is")


def walk_xml(shape, element, path, faults, extra=()):
    kind = shape.type_name
    if kind == "structure":
        known = {}
        for name, member in shape.members.items():
            wire = member.serialization.get("name", name)
            if member.type_name == "list" and member.serialization.get("flattened"):
                wire = member.member.serialization.get("name", wire)
            known[wire] = (name, member)
        seen = set()
        for child in element:
            name = local(child)
            if name in extra:
                continue
            if name not in known:
                faults.add(f"{path}: unknown element {name}")
                continue
            if name in seen and not known[name][1].serialization.get("flattened"):
                faults.add(f"{path}: {name} twice")
            seen.add(name)
            walk_xml(known[name][1], child, f"{path}.{known[name][0]}", faults)
        present = {known[name][0] for name in seen}
        for name in shape.required_members:
            if name not in present:
                faults.add(f"{path}: {name} is missing")
    elif kind == "list":
        if shape.serialization.get("flattened"):
            walk_xml(shape.member, element, f"{path}[]", faults)
            return
        if element.text and element.text.strip():
            faults.add(f"{path}: text in a list")
        item = shape.member.serialization.get("name", "member")
        for child in element:
            if local(child) != item:
                faults.add(f"{path}: {local(child)} instead of {item}")
            walk_xml(shape.member, child, f"{path}[]", faults)
    elif kind == "map":
        faults.add(f"{path}: maps are not checked")
    else:
        if len(element):
            faults.add(f"{path}: elements in a {kind}")
        scalar(shape, element.text or "", path, faults)


def scalar(shape, text, path, faults):
    kind = shape.type_name
    if kind == "boolean" and text not in ("true", "false"):
        faults.add(f"{path}: {text!r} is not a boolean")
    elif kind in ("integer", "long") and not re.fullmatch(r"-?\d+", text):
        faults.add(f"{path}: {text!r} is not an integer")
    elif kind in ("float", "double"):
        try:
            float(text)
        except ValueError:
            faults.add(f"{path}: {text!r} is not a number")
    elif kind == "timestamp" and not TIMESTAMP.match(text):
        faults.add(f"{path}: {text!r} is not a date")
    elif kind == "string" and shape.metadata.get("enum") and text not in shape.metadata["enum"]:
        if text not in BEYOND_THE_MODEL.get(shape.name, ()):
            faults.add(f"{path}: {text!r} is not in {shape.name}")


JSON_TYPES = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float),
    "blob": str,
}


def walk_json(shape, value, path, faults):
    if shape is None:
        if value not in ({}, None):
            faults.add(f"{path}: an answer where none is")
        return
    if value is None:
        return
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            faults.add(f"{path}: {value!r} is not an object")
            return
        known = {member.serialization.get("name", name): (name, member) for name, member in shape.members.items()}
        for name, inner in value.items():
            if name in known:
                walk_json(known[name][1], inner, f"{path}.{name}", faults)
            elif name != "__type":
                faults.add(f"{path}: unknown member {name}")
        for name in shape.required_members:
            if value.get(shape.members[name].serialization.get("name", name)) is None:
                faults.add(f"{path}: {name} is missing")
    elif kind == "list":
        if not isinstance(value, list):
            faults.add(f"{path}: {value!r} is not a list")
            return
        for inner in value:
            walk_json(shape.member, inner, f"{path}[]", faults)
    elif kind == "map":
        if not isinstance(value, dict):
            faults.add(f"{path}: {value!r} is not a map")
            return
        for key, inner in value.items():
            scalar(shape.key, key, f"{path}{{}}", faults)
            walk_json(shape.value, inner, f"{path}{{}}", faults)
    else:
        wanted = JSON_TYPES[kind]
        if not isinstance(value, wanted) or (isinstance(value, bool) and kind != "boolean"):
            faults.add(f"{path}: {value!r} is not a {kind}")
        elif kind == "string":
            scalar(shape, value, path, faults)
