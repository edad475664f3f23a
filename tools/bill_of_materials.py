"""Writes the bill of materials of an installation, in CycloneDX.

It lists the packages that the project needs to run, and the libraries inside their wheels.

    python -m tools.bill_of_materials [--out docs/bill-of-materials.cdx.json]

Equal installations have equal bills: no time is in it, and its number follows from what it lists.
"""

import argparse
import json
import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

Values = dict[str, Any]
PROJECT = "listen-and-move"
EXTRAS = ("app",)
"""Extras whose packages are listed, whatever else is installed; docs/licences.md describes the others."""
HASH = re.compile(r"-[0-9a-f]{8}(?=[-.])")
"""Hash that a wheel puts into the file name of a library that it carries."""
LIBRARY = re.compile(
    r"(?P<name>lib\w+(?:-[a-z]+)?)(?:-r?[0-9.]+)*\.(?:so|dylib)(?:\.(?P<version>[.0-9]+[a-z]?))?"
)
"""Pattern of a library's file name."""
_NAMES = {
    "0BSD": "lzma",
    "Apache-2.0": "opencore-amrnb opencore-amrwb",
    "BSD-2-Clause": "dav1d aom avif openjp2",
    "BSD-3-Clause": "vpx opus webp webpmux webpdemux sharpyuv scipy_openblas scipy_openblas64_ openblasp",
    "BSD-3-Clause OR GPL-2.0-or-later": "zstd",
    "BSD-3-Clause-Clear": "SvtAv1Enc",
    "FTL OR GPL-2.0-or-later": "freetype",
    "GPL-2.0-or-later": "x264 x265",
    "GPL-3.0-or-later WITH GCC-exception-3.1": "gomp gfortran",
    "IJG AND BSD-3-Clause AND Zlib": "jpeg",
    "LGPL-2.0-or-later": "mp3lame",
    "LGPL-2.1-or-later": "gnutls asound quadmath",
    "LGPL-3.0-or-later": "avcodec avdevice avfilter avformat avutil swresample swscale",
    "LGPL-3.0-or-later OR GPL-2.0-or-later": "gmp nettle hogweed unistring",
    "MIT": "Xau xcb xcb-shape xcb-shm xcb-xfixes drm vpl lcms2 brotlicommon brotlidec",
    "MIT-Modern-Variant": "harfbuzz",
    "OpenSSL": "crypto ssl",
    "libpng-2.0": "png16",
    "libtiff": "tiff",
}
LICENCES = {f"lib{name}": licence for licence, names in _NAMES.items() for name in names.split()}
"""Licences of libraries inside other packages' wheels, as their projects state them."""


def main() -> None:
    """Writes the bill of the installed packages."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("docs/bill-of-materials.cdx.json"))
    parser.parse_args().out.write_text(json.dumps(bill(), indent=1) + "\n", encoding="utf-8")


def bill() -> Values:
    """Returns the bill of this installation."""
    packages = needed()
    parts = {name: _component(name, package) for name, (package, _) in packages.items()}
    listed = ";".join(part["purl"] for part in parts.values())
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid5(NAMESPACE_URL, listed).urn,
        "version": 1,
        "metadata": {"component": parts[PROJECT] | {"type": "application"}},
        "components": [part for name, part in parts.items() if name != PROJECT],
        "dependencies": [{"ref": name, "dependsOn": needs} for name, (_, needs) in packages.items()],
    }


def needed() -> dict[str, tuple[Distribution, list[str]]]:
    """Returns the installed packages that the project needs, itself included, each with its own needs."""
    found: dict[str, tuple[Distribution, list[str]]] = {}
    seen: dict[str, frozenset[str]] = {}
    waiting: list[tuple[str, frozenset[str]]] = [(PROJECT, frozenset(EXTRAS))]
    while waiting:
        name, extras = waiting.pop()
        if name in found and extras <= seen[name]:
            continue
        extras = seen[name] = extras | seen.get(name, frozenset())
        package = distribution(name)
        needs = {
            canonicalize_name(need.name): frozenset(need.extras)
            for need in map(Requirement, package.requires or ())
            if _applies(need, extras) and _installed(need.name)
        }
        found[name] = package, sorted(needs)
        waiting += needs.items()
    return dict(sorted(found.items()))


def _applies(need: Requirement, extras: frozenset[str]) -> bool:
    marker = need.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or {""})


def _installed(name: str) -> bool:
    """Returns whether a package is installed.

    A package of another system, or of an extra that is left out, is not.
    """
    try:
        return bool(distribution(name))
    except PackageNotFoundError:
        return False


def _component(name: str, package: Distribution) -> Values:
    inside = [
        {
            "type": "library",
            "bom-ref": f"{name}/{library}-{version}",
            "name": library,
            **({"version": version} if version else {}),
            **({"licenses": [{"expression": LICENCES[library]}]} if library in LICENCES else {}),
        }
        for library, version in sorted(libraries(package))
    ]
    return {
        "type": "library",
        "bom-ref": name,
        "name": name,
        "version": package.version,
        "licenses": [_licence(package)],
        "purl": f"pkg:pypi/{name}@{quote(package.version, safe='')}",
        **({"components": inside} if inside else {}),
    }


def libraries(package: Distribution) -> set[tuple[str, str]]:
    """Returns name and version of the libraries inside a package that other projects made."""
    files = [PurePosixPath(line.split(",")[0]) for line in (package.read_text("RECORD") or "").splitlines()]
    return {
        (match["name"], match["version"] or "")
        for file in files
        if file.parent.name.endswith((".libs", ".dylibs")) or file.name.startswith("libgomp")
        if (match := LIBRARY.fullmatch(HASH.sub("", file.name)))
    }


def _licence(package: Distribution) -> Values:
    """Returns the licence that a package states: its expression, else its classifiers, else its text."""
    about = package.metadata
    if "License-Expression" in about:
        return {"expression": about["License-Expression"]}
    kinds = [kind.split(" :: ")[-1] for kind in about.get_all("Classifier") or () if "License ::" in kind]
    words = about["License"].split("\n")[0] if "License" in about else "not told"
    return {"license": {"name": ", ".join(kinds) or words}}


if __name__ == "__main__":
    main()
