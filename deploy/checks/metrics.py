"""The list of exported metrics (deploy/prometheus/metrics.yml) and what a running program really exports."""
import dataclasses
import pathlib
import re
import subprocess
import urllib.request

import yaml

HISTOGRAM_SUFFIXES = ("_bucket", "_sum", "_count")
# Labels that Prometheus itself adds to every series.
TARGET_LABELS = {"job", "instance"}


@dataclasses.dataclass(frozen=True)
class Metric:
    """One entry of the list. `labels` maps a name to its values, or to a compiled expression all values match."""

    name: str
    type: str
    help: str
    labels: dict
    buckets: object = None
    programs: tuple = ()


def load(root):
    """All metrics that rules and dashboards may use, by name: ours and the broker's."""
    metrics = {}
    for file in ["metrics.yml", "rabbitmq-metrics.yml"]:
        for name, entry in yaml.safe_load((root / "deploy/prometheus" / file).read_text()).items():
            labels = {label: allowed(values) for label, values in entry.get("labels", {}).items()}
            metrics[name] = Metric(
                name, entry["type"], entry["help"], labels, entry.get("buckets"), tuple(entry.get("programs", ()))
            )
    return metrics


def allowed(values):
    if isinstance(values, str):
        return re.compile(values.strip("/"))
    return [str(value) for value in values]


def permits(values, value):
    return bool(values.fullmatch(value)) if isinstance(values, re.Pattern) else value in values


def find(metrics, series):
    """The metric that a series name belongs to: histograms are listed once and exported as three."""
    if series in metrics:
        return metrics[series]
    for suffix in HISTOGRAM_SUFFIXES:
        metric = metrics.get(series.removesuffix(suffix)) if series.endswith(suffix) else None
        if metric and metric.type == "histogram":
            return metric
    return None


def problems(metrics, promtool):
    """Names, units and suffixes of our metrics, judged by promtool on a sample."""
    for metric in metrics.values():
        if metric.type == "histogram" and not metric.buckets:
            yield f"metrics.yml: {metric.name} is a histogram without buckets"
    yield from lint("metrics.yml", sample(m for m in metrics.values() if m.programs), promtool)


def lint(where, exposition, promtool):
    result = subprocess.run([promtool, "check", "metrics"], input=exposition, capture_output=True, text=True)
    for line in (result.stdout + result.stderr).splitlines():
        yield f"{where}: {line}"


def sample(metrics):
    """One series of each metric in the text format."""
    lines = []
    for metric in metrics:
        lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.type}"]
        labels = {label: "x" if isinstance(values, re.Pattern) else values[0] for label, values in metric.labels.items()}
        if metric.type == "histogram":
            lines.append(series(metric.name + "_bucket", labels | {"le": "+Inf"}))
            lines += [series(metric.name + suffix, labels) for suffix in ("_sum", "_count")]
        else:
            lines.append(series(metric.name, labels))
    return "\n".join(lines) + "\n"


def series(name, labels):
    pairs = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{pairs}}} 1"


def scrape_problems(metrics, program, source, promtool):
    """What the program exports and the list does not know, and what the list promises and the program lacks."""
    exposition = read(source)
    where = f"{program} at {source}"
    yield from lint(where, exposition, promtool)
    seen = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)", exposition, re.M):
        if name in metrics and metrics[name].type != kind:
            yield f"{where}: {name} is a {kind}, metrics.yml says {metrics[name].type}"
    for line in exposition.splitlines():
        found = re.match(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ", line)
        if not found:
            continue
        metric = find(metrics, found[1])
        seen.add(metric.name if metric else found[1])
        yield from series_problems(where, found[1], metric, found[2] or "")
    for metric in metrics.values():
        if program in metric.programs and metric.name not in seen:
            yield f"{where}: does not export {metric.name}"


def series_problems(where, name, metric, labels):
    if metric is None:
        yield f"{where}: exports {name}, which metrics.yml does not list"
        return
    for label, value in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels):
        if label == "le" and metric.type == "histogram":
            continue
        if label not in metric.labels:
            yield f"{where}: {name} has the label {label}, which metrics.yml does not list"
        elif not permits(metric.labels[label], value):
            yield f'{where}: {name} has {label}="{value}", which metrics.yml does not list'


def read(source):
    if source.startswith("http://"):
        with urllib.request.urlopen(source, timeout=10) as answer:
            return answer.read().decode()
    return pathlib.Path(source).read_text()
