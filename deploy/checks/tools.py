"""Tools of the checks that a machine may lack: promtool and PyYAML.

Debian's packages are unpacked into `.dev/tools`, once, for any user: that needs no permissions, changes nothing outside
the checkout, and starts no Prometheus server, as installing its package would.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile


class Missing(Exception):
    """A tool that is not there and cannot be had; the text says what an administrator would run."""


def require_yaml(root):
    """Makes PyYAML importable. Debian's serves any Python: its compiled half is not needed."""
    try:
        import yaml  # noqa: F401
    except ImportError:
        sys.path.append(str(unpacked(root, "python3-yaml") / "usr/lib/python3/dist-packages"))


def promtool(root):
    """The path of promtool."""
    return shutil.which("promtool") or str(unpacked(root, "prometheus") / "usr/bin/promtool")


def unpacked(root, package):
    """Where the package is unpacked, without those it depends on."""
    target = root / ".dev/tools" / package
    if target.exists():
        return target
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise Missing(f"needs what Debian's package {package} contains, and this system has no apt-get")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            file, draft = downloaded(pathlib.Path(folder), package), pathlib.Path(folder) / "root"
            subprocess.run(["dpkg-deb", "--extract", file, draft], check=True, capture_output=True)
            # Now, so that the target is there as a whole or not at all.
            draft.rename(target)
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stderr", None) or str(error).encode()).decode(errors="replace").strip()
        raise Missing(f"cannot get the package {package}; ask for: apt-get install {package}\n{said}") from error
    return target


def downloaded(folder, package):
    """Downloads by the system's package lists; where they are missing or stale, by fresh ones in the folder."""
    try:
        apt_get(folder, ["download", package])
    except subprocess.CalledProcessError:
        for needed in ["lists/partial", "cache/archives/partial"]:
            (folder / needed).mkdir(parents=True)
        # The locks guard an installation that does not happen here.
        own = [f"-oDir::State::Lists={folder}/lists", f"-oDir::Cache={folder}/cache", "-oDebug::NoLocking=true"]
        apt_get(folder, [*own, "update"])
        apt_get(folder, [*own, "download", package])
    return next(folder.glob("*.deb"))


def apt_get(folder, arguments):
    subprocess.run(["apt-get", "--quiet", *arguments], cwd=folder, check=True, capture_output=True)
