"""Every row of docs/performance.md, one after the other: one table, one JSON document.

python -m benchmarks [p1 p2 … misfortunes] [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
from pathlib import Path

import benchmarks
from benchmarks.bench import cells, machine, options_of, table


def modules() -> dict[str, str]:
    """The modules that measure a row, by the row's name: p1, p2, …, and what has a name of its own."""
    found = [one.name for one in pkgutil.iter_modules(benchmarks.__path__)]
    rows = {name.partition("_")[0]: name for name in found if name[0] == "p" and name[1:2].isdigit()}
    return dict(sorted(rows.items(), key=lambda row: int(row[0][1:]))) | {"misfortunes": "misfortunes"}


def main() -> int:
    """Measure what was asked for; status 1 where a target is missed or a row could not be measured."""
    every = modules()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="row", help=f"default: all of {' '.join(every)}")
    parser.add_argument("--quick", action="store_true", help="a short look: fewer of everything")
    parser.add_argument("--json", type=Path, help="a file for the figures; default: the end of the output")
    options = parser.parse_args()
    if unknown := set(options.rows) - set(every):
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    shown, figures, missed = [], {}, False
    for name in options.rows or every:
        module = importlib.import_module(f"benchmarks.{every[name]}")
        print(f"{module.TITLE} …", file=sys.stderr, flush=True)
        try:
            measured, rows = module.measure(options_of(module.__name__, **(module.QUICK if options.quick else {})))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the other rows are measured all the same
            shown.append(
                (name, "not measured", str(error).splitlines()[0][:60] if str(error) else repr(error), "", "NO")
            )
            missed = True
            continue
        figures[name] = measured
        missed = missed or any(row[3] is False for row in rows)
        shown += [(name, *cells(row)) for row in rows]
    print(f"{machine()}\n\n{table(('row', 'what', 'measured', 'target', 'met'), shown)}")
    document = json.dumps({"machine": machine(), "quick": options.quick, "figures": figures}, indent=2)
    if options.json:
        options.json.write_text(document + "\n", encoding="utf-8")
    else:
        print(f"\n{document}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
