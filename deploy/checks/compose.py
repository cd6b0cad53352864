"""docker-compose.yml against the Compose Specification and our own rules, and its agreement with other files."""
import json
import re

import yaml

from checks import schema


def problems(root):
    text = (root / "docker-compose.yml").read_text()
    compose = yaml.safe_load(text)
    yield from schema_problems(root, compose)
    for name, service in compose["services"].items():
        yield from service_problems(root, compose, name, service)
    yield from toolchain_problems(root)
    yield from variable_problems(root)
    yield from example_problems(root, text)


def schema_problems(root, compose):
    specification = json.loads((root / "deploy/schemas/compose-spec.json").read_text())
    for problem in schema.problems(compose, specification, specification):
        yield f"docker-compose.yml: {problem}"


def service_problems(root, compose, name, service):
    where = f"docker-compose.yml: {name}"
    for port in service.get("ports", []):
        if not str(port).startswith("127.0.0.1:"):
            yield f"{where}: port {port} is not published on the loopback address only"
    for needed in service.get("depends_on", {}):
        if needed not in compose["services"]:
            yield f"{where}: depends on {needed}, which is no service"
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("./") and not (root / source).exists():
            yield f"{where}: mounts {source}, which does not exist"
        if not source.startswith("./") and source not in compose["volumes"]:
            yield f"{where}: uses the volume {source}, which is not declared"
    yield from bounds_problems(where, service)
    yield from environment_problems(where, service)
    if service["image"].startswith("easycrm-webhooks"):
        yield from program_problems(where, service)
    elif ":" not in service["image"] or service["image"].endswith(":latest"):
        yield f"{where}: the image {service['image']} names no version"


def bounds_problems(where, service):
    """No container takes the machine with it, or leaves its memory in a core dump."""
    for key in ["mem_limit", "pids_limit"]:
        if key not in service:
            yield f"{where}: has no {key}"
    if service.get("ulimits", {}).get("core") != 0:
        yield f"{where}: ulimits.core must be 0"


def environment_problems(where, service):
    """Secrets are files: `docker inspect` shows variables."""
    for name in service.get("environment", {}):
        secret = re.search(r"PASS|SECRET|TOKEN|__KEY|(AMQP|DATABASE|SMTP)_+URL", name)
        if secret and not name.endswith("_FILE") and not name.startswith("GF_"):
            yield f"{where}: {name} holds a secret; mount a file and set {name}_FILE"


def program_problems(where, service):
    """What every container of ours must have: nothing to write to, nothing to gain."""
    wanted = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"]}
    for key, value in wanted.items():
        if service.get(key) != value:
            yield f"{where}: {key} must be {value}"
    if service["command"][-1] == "serve" and "healthcheck" not in service:
        yield f"{where}: has no health check"


def toolchain_problems(root):
    pinned = re.search(r'channel = "(.+)"', (root / "rust-toolchain.toml").read_text())[1]
    for found in re.findall(r"(?:FROM rust:|RUSTUP_TOOLCHAIN=)([0-9.]+)", (root / "Dockerfile").read_text()):
        if found != pinned:
            yield f"Dockerfile: builds with Rust {found}, rust-toolchain.toml pins {pinned}"


def variable_problems(root):
    """Unknown variables stop the programs, so none may be written down that deploy/config.example.toml lacks."""
    known = example_keys((root / "deploy/config.example.toml").read_text())
    for path in ["docker-compose.yml", ".env.example", "README.md", "CONTRIBUTING.md", "docs/operations/runbook.md"]:
        for name in sorted(set(re.findall(r"\bWEBHOOKS_[A-Z0-9_]*[A-Z0-9]\b", (root / path).read_text()))):
            if name.removesuffix("_FILE") not in known and name not in known:
                yield f"{path}: {name} is no setting of deploy/config.example.toml"


def example_keys(toml):
    """The environment names of all keys in the sample, commented-out ones included."""
    section, names = "", set()
    for line in toml.splitlines():
        if heading := re.match(r"#?\s*\[([a-z0-9_]+)\]", line):
            section = heading[1]
        elif key := re.match(r"#?\s*([a-z0-9_]+)\s*=", line):
            names.add(f"WEBHOOKS_{section}__{key[1]}".upper())
    return names


def example_problems(root, text):
    """.env.example must list every variable that the compose file reads."""
    offered = set(re.findall(r"^#?([A-Z][A-Z0-9_]*)=", (root / ".env.example").read_text(), re.M))
    for name in sorted(set(re.findall(r"\$\{([A-Z][A-Z0-9_]*)", text)) - offered):
        yield f".env.example: does not mention {name}, which docker-compose.yml reads"
