"""The Grafana dashboard: provisioned as code, readable by a stranger, and made of metrics that exist."""
import json
import pathlib
import re
import tempfile

import yaml

from checks import promql, rules
from checks.metrics import find

VARIABLES = {"datasource", "job", "instance"}


def problems(root, metrics, promtool):
    recorded = rules.recorded(root)
    for path in sorted((root / "deploy/grafana/dashboards").glob("*.json")):
        board = json.loads(path.read_text())
        panels = [panel for panel in board["panels"] if panel["type"] != "row"]
        yield from board_problems(path.name, board)
        for panel in panels:
            yield from panel_problems(f"{path.name}: {panel.get('title')}", panel)
            for target in panel.get("targets", []):
                yield from query_problems(f"{path.name}: {panel['title']}", target["expr"], metrics, recorded)
        yield from syntax_problems(path.name, panels, promtool)


def board_problems(where, board):
    variables = {variable["name"] for variable in board["templating"]["list"]}
    if variables != VARIABLES:
        yield f"{where}: must have the variables {', '.join(sorted(VARIABLES))}"
    if not board.get("uid") or board.get("editable") is not False:
        yield f"{where}: needs a fixed uid and editable: false; the file is the dashboard"
    ids = [panel["id"] for panel in board["panels"]]
    if len(ids) != len(set(ids)):
        yield f"{where}: panel ids repeat"


def panel_problems(where, panel):
    for key in ["title", "description"]:
        if not panel.get(key):
            yield f"{where}: has no {key}"
    if not panel.get("fieldConfig", {}).get("defaults", {}).get("unit"):
        yield f"{where}: has no unit"
    for source in [panel, *panel.get("targets", [])]:
        if source.get("datasource", {}).get("uid") != "${datasource}":
            yield f"{where}: does not use the variable datasource"


def query_problems(where, expression, metrics, recorded):
    yield from promql.problems(where, expression, metrics, recorded)
    for window in re.findall(r"\[([^\]]*)\]", expression):
        if window not in ("$__rate_interval", "$__range"):
            yield f"{where}: uses the window [{window}] instead of $__rate_interval"
    for name, _ in promql.selectors(expression):
        metric = find(metrics, name)
        cumulative = metric and metric.type in ("counter", "histogram")
        if cumulative and not re.search(rf"\b(rate|increase)\({name}\b[^\[]*\[", expression):
            yield f"{where}: shows the counter {name} without rate or increase"


def syntax_problems(where, panels, promtool):
    """Has promtool parse every query, as a recording rule, with Grafana's variables filled in."""
    queries = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    plain = [re.sub(r"\$__(rate_interval|range)", "5m", query).replace("$job", ".+").replace("$instance", ".+") for query in queries]
    group = {"name": "dashboard", "rules": [{"record": f"query:{number}", "expr": query} for number, query in enumerate(plain)]}
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "queries.yml"
        file.write_text(yaml.safe_dump({"groups": [group]}))
        for problem in rules.run(promtool, "check", "rules", file):
            yield f"{where}: {problem}"
