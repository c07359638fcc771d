"""Checks recorded requests against the input models that AWS publishes with botocore.

Reads JSON lines {service, operation, body} (a JSON protocol: text or object) or {service, operation, form} (a query
protocol: text or object of the form's fields), prints one JSON line {line, service, operation, problem} for each
request that AWS's own clients would not have sent, and ends with 1 when there is one.
"""

import json
import sys
from datetime import datetime, timezone
from urllib.parse import parse_qsl

import botocore.session
from botocore.validate import ParamValidator

SERVICES = {"tagging": "resourcegroupstaggingapi"}


class Mismatch(Exception):
    """The wire form names something that the model does not have."""


def fields(form):
    """The fields of a form as a tree: `A.1.B=x` becomes {"A": {"1": {"B": "x"}}}."""
    pairs = parse_qsl(form, keep_blank_values=True) if isinstance(form, str) else list(form.items())
    root = {}
    for name, value in pairs:
        place = root
        *path, last = name.split(".")
        for part in path:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise Mismatch(f"{name} is below a value")
        if last in place:
            raise Mismatch(f"{name} is there twice")
        place[last] = value
    return root


def wire_name(name, member, protocol):
    """What a member is called in a form; ec2 writes the first letter large unless it has a name of its own."""
    serialization = member.serialization
    if protocol == "ec2":
        if "queryName" in serialization:
            return serialization["queryName"]
        given = serialization.get("name", name)
        return given[0].upper() + given[1:]
    if member.type_name == "list" and serialization.get("flattened"):
        return member.member.serialization.get("name", serialization.get("name", name))
    return serialization.get("name", name)


def from_form(shape, tree, protocol, path):
    kind = shape.type_name
    if kind == "structure":
        if tree == "":
            return {}
        require_tree(tree, path)
        known = {wire_name(name, member, protocol): (name, member) for name, member in shape.members.items()}
        result = {}
        for name, inner in tree.items():
            if name not in known:
                raise Mismatch(f"{path}: unknown {name}")
            parameter, member = known[name]
            result[parameter] = from_form(member, inner, protocol, f"{path}.{parameter}")
        return result
    if kind == "list":
        if tree == "":
            return []
        require_tree(tree, path)
        if protocol != "ec2" and not shape.serialization.get("flattened"):
            item = shape.member.serialization.get("name", "member")
            if set(tree) != {item}:
                raise Mismatch(f"{path}: {sorted(tree)} instead of {item}")
            tree = tree[item]
        numbers = numbered(tree, path)
        return [from_form(shape.member, tree[str(n)], protocol, f"{path}[{n - 1}]") for n in numbers]
    if kind == "map":
        entries = tree if shape.serialization.get("flattened") else tree.get("entry", {})
        key, value = shape.key.serialization.get("name", "key"), shape.value.serialization.get("name", "value")
        numbers = numbered(entries, path)
        return {entries[str(n)][key]: from_form(shape.value, entries[str(n)][value], protocol, path) for n in numbers}
    if isinstance(tree, dict):
        raise Mismatch(f"{path}: members in a {kind}")
    return scalar(kind, tree, path)


def require_tree(tree, path):
    if not isinstance(tree, dict):
        raise Mismatch(f"{path}: {tree!r} has no members")


def numbered(tree, path):
    require_tree(tree, path)
    if sorted(tree) != sorted(str(n) for n in range(1, len(tree) + 1)):
        raise Mismatch(f"{path}: numbered {sorted(tree)}, not from 1 without gap")
    return range(1, len(tree) + 1)


def scalar(kind, text, path):
    try:
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
        if kind == "boolean":
            return {"true": True, "false": False}[text]
    except (ValueError, KeyError):
        raise Mismatch(f"{path}: {text!r} is not a {kind}") from None
    return text


def from_json(shape, value, path):
    kind = shape.type_name
    if value is None:
        raise Mismatch(f"{path}: null")
    if kind == "structure":
        if not isinstance(value, dict):
            raise Mismatch(f"{path}: {value!r} is not an object")
        known = {member.serialization.get("name", name): (name, member) for name, member in shape.members.items()}
        result = {}
        for name, inner in value.items():
            if name not in known:
                raise Mismatch(f"{path}: unknown {name}")
            result[known[name][0]] = from_json(known[name][1], inner, f"{path}.{name}")
        return result
    if kind == "list" and isinstance(value, list):
        return [from_json(shape.member, inner, f"{path}[{n}]") for n, inner in enumerate(value)]
    if kind == "map" and isinstance(value, dict):
        return {key: from_json(shape.value, inner, f"{path}.{key}") for key, inner in value.items()}
    if kind == "timestamp" and isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, timezone.utc)
    return value


def enumerations(shape, value, path):
    """botocore leaves enumerations to the server."""
    kind = shape.type_name
    if kind == "structure":
        return [found for name, inner in value.items() for found in enumerations(shape.members[name], inner, f"{path}.{name}")]
    if kind == "list":
        return [found for inner in value for found in enumerations(shape.member, inner, f"{path}[]")]
    if kind == "map":
        return [found for inner in value.values() for found in enumerations(shape.value, inner, path)]
    allowed = shape.metadata.get("enum")
    return [f"{path}: {value!r} is not in {shape.name}"] if allowed and value not in allowed else []


def problem(session, request):
    """What is wrong with one request; none when nothing is."""
    name = SERVICES.get(request["service"], request["service"])
    model = session.get_service_model(name)
    if request["operation"] not in model.operation_names:
        return "unknown operation"
    shape = model.operation_model(request["operation"]).input_shape
    protocols = {model.protocol, *model.metadata.get("protocols", [])}
    try:
        if "form" in request:
            tree = fields(request["form"])
            tree.pop("Action", None)
            tree.pop("Version", None)
            if shape is None:
                return f"unknown {sorted(tree)}" if tree else None
            parameters = from_form(shape, tree, "ec2" if "ec2" in protocols else "query", request["operation"])
        else:
            body = request.get("body") or {}
            body = json.loads(body) if isinstance(body, str) else body
            if shape is None:
                return f"unknown {sorted(body)}" if body else None
            parameters = from_json(shape, body, request["operation"])
    except Mismatch as mismatch:
        return str(mismatch)
    report = ParamValidator().validate(parameters, shape)
    if report.has_errors():
        return report.generate_report()
    return "; ".join(enumerations(shape, parameters, request["operation"])) or None


def main():
    session = botocore.session.get_session()
    failed = False
    with open(sys.argv[1], encoding="utf-8") as requests:
        for number, line in enumerate(requests, 1):
            if not line.strip():
                continue
            request = json.loads(line)
            found = problem(session, request)
            if found:
                failed = True
                print(json.dumps({"line": number, "service": request["service"], "operation": request["operation"], "problem": found}))
    sys.exit(1 if failed else 0)


main()
