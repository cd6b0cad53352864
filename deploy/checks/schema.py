"""The part of JSON Schema (draft 7) that the Compose Specification is written in; checking it needs no package."""
import re

TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
# Keywords that say nothing about what is valid, and those that are read where another one is.
SILENT = {"$schema", "$id", "title", "description", "deprecated", "default", "definitions"}
KNOWN = {"$ref", "type", "enum", "oneOf", "minimum", "maximum", "pattern", "items", "uniqueItems", "required"}
OF_OBJECTS = {"properties", "patternProperties", "additionalProperties"}


def problems(value, schema, whole, path=""):
    """What is wrong with `value`, each with the place. `whole` is the document that references point into."""
    if isinstance(schema, bool):
        if not schema:
            yield f"{path}: is not allowed"
        return
    if unknown := schema.keys() - SILENT - KNOWN - OF_OBJECTS:
        raise NotImplementedError(f"deploy/checks/schema.py does not know the keywords {', '.join(sorted(unknown))}")
    if "$ref" in schema:
        yield from problems(value, referred(schema["$ref"], whole), whole, path)
        return
    if "type" in schema and not is_of(value, schema["type"]):
        yield f"{path}: {value!r} is not of type {schema['type']}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is none of {schema['enum']}"
    if "oneOf" in schema:
        fitting = sum(not any(problems(value, form, whole)) for form in schema["oneOf"])
        if fitting != 1:
            yield f"{path}: {value!r} fits {fitting} of the {len(schema['oneOf'])} forms allowed here, and must fit one"
    check = {dict: of_object, list: of_array, str: of_string, int: of_number, float: of_number}.get(type(value))
    if check:
        yield from check(value, schema, whole, path)


def referred(reference, whole):
    for name in reference.removeprefix("#/").split("/"):
        whole = whole[name]
    return whole


def is_of(value, types):
    names = [types] if isinstance(types, str) else types
    # To Python a boolean is a number.
    return any(isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool)) for name in names)


def of_object(value, schema, whole, path):
    for name in schema.get("required", []):
        if name not in value:
            yield f"{path}: lacks {name}"
    for name, member in value.items():
        for form in forms_of(name, schema) or [schema.get("additionalProperties", True)]:
            yield from problems(member, form, whole, f"{path}.{name}".lstrip("."))


def forms_of(name, schema):
    named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    by_name = [named[name]] if name in named else []
    return by_name + [form for pattern, form in patterns.items() if re.search(pattern, str(name))]


def of_array(value, schema, whole, path):
    for index, item in enumerate(value):
        yield from problems(item, schema.get("items", True), whole, f"{path}.{index}".lstrip("."))
    if schema.get("uniqueItems") and any(item in value[:index] for index, item in enumerate(value)):
        yield f"{path}: repeats an item"


def of_string(value, schema, _, path):
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{path}: {value!r} does not match {schema['pattern']}"


def of_number(value, schema, _, path):
    if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{path}: {value} is not between {schema.get('minimum')} and {schema.get('maximum')}"
