"""The page `reports/lineage.html`: from which columns of which files a published column comes.

Belongs here: how lineage looks. Does not: finding it (`lineage.py`).

One file without addresses of others: it opens without a network and can be sent by mail. It is
whole without JavaScript, which only searches.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from orchestration.lib.dbt_project import personal_data_tag
from orchestration.lib.lineage import ROWS, Lineage, Source, origins, way_back

# From the published column back to the files.
_LAYERS = ("marts", "statistics", "intermediate", "matching", "staging", "settings", "audit", "raw")


def write_lineage_page(
    path: Path,
    *,
    version: str,
    as_of: str,
    tables: Iterable[Mapping[str, Any]],
    lineage: Lineage,
) -> None:
    """Write the page of a published version; `tables` are nodes of dbt's manifest."""
    path.parent.mkdir(parents=True, exist_ok=True)
    working = path.with_name(f".{path.name}.tmp")
    working.write_text(lineage_page(version, as_of, tables, lineage), encoding="utf-8")
    working.replace(path)


def lineage_page(
    version: str, as_of: str, tables: Iterable[Mapping[str, Any]], lineage: Lineage
) -> str:
    """Return the page."""
    ordered = sorted(tables, key=lambda table: (table["schema"] != "marts", table["name"]))
    count = sum(len(table["columns"]) for table in ordered)
    navigation = "".join(
        f'<a href="#{escape(table["name"])}">{escape(table["name"])}</a>' for table in ordered
    )
    sections = "".join(_table(table, lineage) for table in ordered)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>Column lineage</title><style>{_STYLE}</style></head><body>"
        f"<nav><h1>Column lineage</h1>{navigation}</nav><main><header>"
        "<p>Where every published column comes from, read from the SQL that made version "
        f"<b>{escape(version)}</b>, as of <b>{escape(as_of)}</b>. A column comes from all that its "
        "expression reads; joins and filters around it are left out. Click a column for the whole "
        "way.</p>"
        '<p><span class="key"><span class="raw">exported file</span><span class="settings">'
        'setting</span><span class="audit">record of what was read</span></span></p>'
        '<input id="search" type="search" autocomplete="off" aria-label="Search" '
        'placeholder="Search: a published column, or a column of a file, e.g. orders.net_revenue">'
        f'<p id="found" role="status">{count} columns of {len(ordered)} tables</p></header>'
        f"{sections}</main><script>{_SCRIPT}</script></body></html>\n"
    )


def _table(table: Mapping[str, Any], lineage: Lineage) -> str:
    name = f"{table['schema']}.{table['name']}"
    columns = "".join(_column(name, column, lineage) for column in table["columns"].values())
    return (
        f'<section id="{escape(table["name"])}"><h2>{escape(table["name"])}</h2>'
        f"<p>{escape(table['description'])}</p>{columns}</section>"
    )


def _column(table: str, column: Mapping[str, Any], lineage: Lineage) -> str:
    name = column["name"]
    begins = origins(lineage, table, name)
    pii = personal_data_tag(column)
    words = [f"{table}.{name}", *(f"{origin}.{of}" for origin, of in begins)]
    return (
        f'<details data-words="{escape(" ".join(words).lower())}"><summary>'
        f"<span><code>{escape(name)}</code>"
        + (f'<em title="personal data">{escape(pii)}</em>' if pii else "")
        + f"</span><span>{_sources(begins, name) or _CONSTANT}</span></summary>"
        f"<p>{escape(column['description'])} <small>{escape(column['data_type'] or '')}</small></p>"
        f"{_way(way_back(lineage, table, name), name)}</details>"
    )


def _way(sources: Sequence[Source], first: str) -> str:
    """Return the way back, one line per layer."""
    lines = []
    for layer in _LAYERS:
        of_layer = [source for source in sources if source[0].split(".")[0] == layer]
        if of_layer:
            lines.append(f"<dt>{layer}</dt><dd>{_sources(of_layer, first)}</dd>")
    return f"<dl>{''.join(lines)}</dl>" if lines else ""


def _sources(sources: Sequence[Source], first: str) -> str:
    """Return tables with those of their columns that are read.

    The column of the same name comes first, what only says where a row came from last.
    """
    by_table: dict[str, list[str]] = {}
    for table, column in sources:
        by_table.setdefault(table, []).append(column)
    return "".join(
        f'<span class="{escape(table.split(".")[0])}"><b>{escape(table.split(".")[1])}</b> '
        + ", ".join(
            "<i>rows</i>" if name == ROWS else escape(name)
            for name in sorted(columns, key=lambda name: (name != first, name[0] == "_", name))
        )
        + "</span>"
        for table, columns in sorted(by_table.items())
    )


_CONSTANT = "<i>no column: a constant, or what no enabled system fills</i>"

_STYLE = """
:root { --ink: #1d2733; --soft: #5d6b7a; --line: #e3e8ee; --back: #f7f9fb; --accent: #2c5cc5 }
* { box-sizing: border-box }
body { margin: 0; color: var(--ink); background: var(--back);
  font: 15px/1.5 system-ui, sans-serif; display: grid; grid-template-columns: 16rem 1fr }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1.5rem 1rem;
  background: #fff; border-right: 1px solid var(--line) }
nav h1 { font-size: 1.1rem; margin: 0 0 1rem .5rem }
nav a { display: block; padding: .2rem .5rem; border-radius: 4px; color: var(--ink);
  text-decoration: none; font-size: .9rem; overflow-wrap: anywhere }
nav a:hover { background: var(--back); color: var(--accent) }
main { padding: 1.5rem 2rem 6rem; max-width: 76rem }
header p { color: var(--soft); max-width: 62rem; margin: 0 0 1rem }
header b { white-space: nowrap; color: var(--ink); font-weight: 600 }
input { width: 100%; padding: .7rem 1rem; font: inherit; border: 1px solid #c6d0db;
  border-radius: 8px; background: #fff }
input:focus { outline: 2px solid var(--accent); border-color: transparent }
#found { margin: .5rem 0 0; font-size: .85rem }
section { background: #fff; border: 1px solid var(--line); border-radius: 10px;
  margin-top: 1.5rem; padding: 1.2rem 0 .4rem; scroll-margin-top: 1rem; overflow: hidden }
h2 { font-size: 1.1rem; margin: 0; padding: 0 1.4rem }
section > p { margin: .1rem 0 .8rem; padding: 0 1.4rem; color: var(--soft) }
details { border-top: 1px solid var(--line) }
details[open] { background: var(--back) }
details > p { margin: 0; padding: 0 1.4rem .6rem }
summary { display: grid; grid-template-columns: minmax(14rem, 2fr) 5fr; gap: 1rem;
  padding: .45rem 1.4rem; cursor: pointer; list-style: none }
summary::-webkit-details-marker { display: none }
summary:hover { background: var(--back) }
code { font: 600 .9rem ui-monospace, monospace; overflow-wrap: anywhere }
em { margin-left: .5rem; padding: 0 .4rem; border-radius: 8px; font: .75rem system-ui, sans-serif;
  background: #fdebd3; color: #8a4b08 }
small { color: var(--soft); margin-left: .5rem }
span > span, dd > span { display: inline-block; margin: 0 1rem 0 0; font-size: .88rem;
  color: var(--soft); border-left: 3px solid #c6d0db; padding-left: .5rem }
span > span b, dd b { font-weight: 600; color: var(--ink) }
summary i { color: var(--soft); font-size: .88rem }
.raw { border-color: #2f9e6e !important } .settings { border-color: #c98a1b !important }
.staging { border-color: #4f8fd9 !important } .intermediate { border-color: #7b6fd0 !important }
.statistics { border-color: #c0539b !important } .marts { border-color: var(--accent) !important }
dl { margin: 0; padding: 0 1.4rem 1rem; display: grid; grid-template-columns: 7rem 1fr; gap: .4rem }
dt { color: var(--soft); font-size: .85rem } dd { margin: 0 }
[hidden] { display: none !important }
@media (max-width: 60rem) { body { display: block } nav { display: none }
  main { padding: 1rem } summary { grid-template-columns: 1fr; gap: .1rem } }
@media print { nav, input { display: none } body { display: block } }
"""

_SCRIPT = """
const search = document.getElementById('search'), found = document.getElementById('found');
const everything = found.textContent;
search.addEventListener('input', () => {
  const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let count = 0;
  for (const section of document.querySelectorAll('section')) {
    let shown = 0;
    for (const column of section.querySelectorAll('details')) {
      column.hidden = !words.every(word => column.dataset.words.includes(word));
      shown += !column.hidden;
    }
    section.hidden = !shown;
    document.querySelector(`nav a[href="#${section.id}"]`).hidden = !shown;
    count += shown;
  }
  found.textContent = words.length ? `${count} columns found` : everything;
});
"""
