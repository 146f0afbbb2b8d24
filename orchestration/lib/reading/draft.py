"""A contract to start from, for a file whose layout nobody has described.

Belongs here: what names and values suggest beside the types (key, watermark, deleted flag, personal
data, file pattern), joining the drafts of one folder, their YAML. Does not: reading the file,
deciding types (`recognise`). Every guess is one that a person confirms.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import combinations, pairwise
from pathlib import PurePosixPath
from typing import Any

import duckdb
import yaml

from orchestration.lib.contracts import CellType, Column, ExportObject
from orchestration.lib.reading.spellings import without_accents
from orchestration.lib.reading.sql import quoted

_KEY_COLUMNS = 8  # that are tried in pairs
_NEARLY_ALL = 0.99  # of the rows, which have a value of their own in a key that some repeat
_HASHES = 5000  # of a file's keys that are compared with those of the next
_TELLING_KEYS = 20  # fewer may come again by chance

_KEYS = 200  # of nested objects that are looked at
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_a-zA-Z]+")
_IDENTIFYING = {"id", "key", "uuid", "guid", "code", "number", "no", "nr", "sku", "handle"}
# German and Dutch write it in one word: `Zahlungsnr`. Not every number is one of a record.
_COMPOUND = re.compile("(?!telefon|handy|mobil|fax|haus|seiten)[a-z]{3,}(nr|nummer)")
_PART_OF_A_KEY = {"line", "item", "position", "sequence", "version", "date", "day", "month"}
_CHANGED = {"updated", "update", "modified", "changed", "modstamp", "modification"}
_CHANGED |= {"geandert", "geaendert", "anderung", "aktualisiert", "modifie", "modificado"}
_CHANGED |= {
    "actualizado",
    "atualizado",
    "modificato",
    "aggiornato",
    "gewijzigd",
    "更新时间",
    "修改时间",
}

_DELETED = {"deleted", "geloscht", "geloescht", "supprime", "eliminado", "excluido", "eliminato"}
_DELETED |= {"verwijderd", "已删除"}

_PERSONAL = {"email", "mail", "phone", "mobile", "cell", "tel", "telephone", "fax", "street"}
_PERSONAL |= {"address", "ip", "iban", "passport", "ssn", "surname", "firstname", "lastname"}
_PERSONAL |= {"vorname", "nachname", "telefon", "telefonnummer", "handy", "strasse"}
_PERSONAL |= {"anschrift", "adresse", "prenom", "correo", "telefono", "direccion", "apellido"}
_PERSONAL |= {"apellidos", "cognome", "indirizzo", "sobrenome", "telefone", "endereco"}
_PERSONAL |= {"voornaam", "achternaam", "telefoon", "adres"}
_PERSONAL |= {"姓名", "手机", "电话", "邮箱", "地址"}
_NAME_OF_A_PERSON = {"first", "last", "full", "middle", "given", "family", "maiden"}
_NAME_OF_A_PERSON |= {"customer", "contact", "person", "member", "user"}
_DESCRIBING = {"birth", "birthday", "birthdate", "dob", "gender", "sex", "zip", "postcode"}
_DESCRIBING |= {"postal", "city", "age", "company", "生日", "性别", "城市", "邮编"}
_DESCRIBING |= {"plz", "ort", "stadt", "geschlecht", "firma", "ville", "ciudad", "cidade", "citta"}
_DESCRIBING |= {"sexe", "sexo", "postleitzahl", "woonplaats"}
_BIRTH = {"birth", "birthday", "birthdate", "dob", "生日", "geburtsdatum", "geburtstag"}
_BIRTH |= {"naissance", "nacimiento", "nascimento", "nascita", "geboortedatum"}

# A word of a file's name in which letters and digits alternate twice and more; not 20260105T0930Z.
_CODE = re.compile(r"(?=.{6})(?!\d+T\d+Z?$)([^\W\d_]+\d+[^\W\d_]+\d|\d+[^\W\d_]+\d+[^\W\d_])")
_RENAMED = "Called {!r} in other files; taken for the same, as the columns beside it are."

# Of two types of one column, the one that holds the values of both.
_WIDER: dict[frozenset[CellType], CellType] = {
    frozenset({"integer", "decimal"}): "decimal",
    frozenset({"date", "timestamp"}): "timestamp",
    frozenset({"integer", "identifier"}): "identifier",
}


def completed(con: duckdb.DuckDBPyConnection, landed: str, exported: ExportObject) -> ExportObject:
    """Add to a draft what its columns' names and values suggest.

    `landed` is what follows FROM: the rows with every cell as text, under the draft's names.
    """
    name, pattern = _name_and_pattern(exported.files[0])
    columns = {c.name: c for c in _flags(con, landed, exported.columns)}
    key = _key(con, landed, list(columns.values()), name)
    for part in key:
        kind: CellType = columns[part].type
        if kind in ("text", "integer"):  # keys are compared as text
            kind = "identifier"
        changes = {"type": kind, "required": True, "not_null": True}
        columns[part] = columns[part].model_copy(update=changes)
    has_people = any(_personal(c, has_people=False) for c in columns.values())
    changed = [c for c in columns.values() if c.type in ("date", "timestamp")]
    changed = [c for c in changed if _CHANGED & set(_words(c))]
    deleted = [c for c in columns.values() if c.type == "boolean" and _DELETED & set(_words(c))]
    return exported.model_copy(
        update={
            "name": name,
            "files": (pattern,),
            "key": key,
            "watermark": changed[0].name if changed else None,
            "deleted_flag": deleted[0].name if deleted else None,
            "columns": tuple(
                c.model_copy(
                    update={
                        "pii": _personal(c, has_people=has_people)
                        or _personal_within(con, landed, c)
                    }
                )
                for c in columns.values()
            ),
        }
    )


def joined(drafts: Iterable[ExportObject]) -> list[ExportObject]:
    """Make one object of the drafts of files that one pattern names.

    Its columns are those of all of them; a type holds the values of all, a key is one in all. A
    column that changes its name from one file to another becomes an alias, and says so.
    """
    found: dict[str, ExportObject] = {}
    for draft in drafts:
        other = found.get(draft.files[0])
        found[draft.files[0]] = draft if other is None else _both(other, draft)
    names: set[str] = set()
    objects = []
    for number, draft in enumerate(found.values(), 1):
        name = draft.name if draft.name not in names else f"{draft.name}_{number}"
        names.add(name)
        objects.append(draft.model_copy(update={"name": name}))
    return objects


def key_hashes(
    con: duckdb.DuckDBPyConnection, landed: str, exported: ExportObject
) -> tuple[int, ...]:
    """Return the smallest hashes of a file's keys, so that of two files the same are compared."""
    if not exported.key:
        return ()
    key = ", ".join(quoted(name) for name in exported.key)
    found = con.execute(
        f"select distinct hash({key}) as key from {landed} order by key limit {_HASHES}"
    )
    return tuple(key for (key,) in found.fetchall())


def with_mode(exported: ExportObject, days: Mapping[date, Sequence[int]]) -> ExportObject:
    """Take exports for full ones when each holds nearly all keys of the one before.

    `days` has the smallest hashes of the keys by day of export. Exports of the last weeks lack
    more of the one before than what is deleted in general; changes of a day lack most of it.
    """
    in_order = [sorted(set(days[day]))[:_HASHES] for day in sorted(days)]
    for earlier, later in pairwise(in_order):
        most = min(keys[-1] if len(keys) == _HASHES else 2**64 for keys in (earlier, later))
        known = {key for key in earlier if key <= most}
        if len(known) < _TELLING_KEYS or len(known.intersection(later)) < _NEARLY_ALL * len(known):
            return exported
    is_full = exported.key and len(in_order) > 1
    return exported.model_copy(update={"mode": "full"}) if is_full else exported


def contract_yaml(system: str, objects: Sequence[ExportObject]) -> str:
    """Write drafts as the `defs.yaml` of a system."""
    attributes = {
        "system": system,
        "description": f"Exports of {system}.",
        "objects": [_as_yaml(exported) for exported in objects],
    }
    content = {"type": "orchestration.components.crm_export.CrmExport", "attributes": attributes}
    text = yaml.dump(content, Dumper=_Indented, sort_keys=False, allow_unicode=True, width=100)
    questions = iter([_mode_question(exported) for exported in objects])
    text = re.sub("(?m)^      mode: ", lambda found: next(questions) + found[0], text)
    return (
        f"# Drafted by crm-warehouse inspect; save as orchestration/defs/raw/{system}/defs.yaml.\n"
        "# Check every key, type and watermark, what is personal (pii), and the mode: `full`\n"
        "# where each file holds all records, so that absence means deletion. Times without an\n"
        "# offset are UTC unless an object names its `timezone`. What else may be declared, and\n"
        "# where: docs/reference/contract.md.\n" + text
    )


def _mode_question(exported: ExportObject) -> str:
    """Ask, as a comment above the mode, what no file tells."""
    question = ""
    if exported.mode == "full":
        question = (
            "Each file has the keys of the one before. Does it hold all records, so that one\n"
            "that is absent is deleted? If it holds the last weeks or months: delta."
        )
    elif exported.watermark is None:
        question = "No column tells when a row was changed. If each file holds all records: full."
    return "".join(f"      # {line}\n" for line in question.splitlines())


class _Indented(yaml.SafeDumper):
    """Writes lists one step in from their key, as the linter of this project wants them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Begin a level; `indentless` would put a list below its key."""
        super().increase_indent(flow, False)


def _as_yaml(exported: ExportObject) -> dict[str, Any]:
    values = exported.model_dump(mode="json", exclude_defaults=True, exclude={"columns"})
    columns = [
        {"name": c.name, "type": c.type}
        | c.model_dump(mode="json", exclude_defaults=True, exclude={"name", "type"})
        for c in exported.columns
    ]
    return {**values, "columns": columns}


def _both(one: ExportObject, other: ExportObject) -> ExportObject:
    renamed = _renamed(one.columns, other.columns)
    columns = {
        c.name: c.model_copy(update={"description": _RENAMED.format(_header(renamed[c.name]))})
        if c.name in renamed
        else c
        for c in one.columns
    }
    former = {column.name: name for name, column in renamed.items()}
    others = tuple(
        c.model_copy(update={"name": former[c.name], "aliases": (_header(c),)})
        if c.name in former
        else c
        for c in other.columns
    )
    other = other.model_copy(update={"columns": others})
    spelt = {text.casefold() for c in one.columns for text in (c.name, *c.aliases)}
    for column in other.columns:
        known = columns.get(column.name)
        names = column.aliases if known else (column.name, *column.aliases)
        new = tuple(text for text in names if text.casefold() not in spelt)
        if known is None:
            if column.name not in new:
                continue  # under another name it is there already
            columns[column.name] = column.model_copy(update={"aliases": new[1:]})
        else:
            kind = known.type
            if kind != column.type:
                kind = _WIDER.get(frozenset({kind, column.type}), "text")
            update = {"type": kind, "aliases": (*known.aliases, *new)}
            columns[column.name] = known.model_copy(update=update)
        spelt.update(text.casefold() for text in new)
    watermark = columns.get(one.watermark or "")
    is_time = watermark is not None and watermark.type in ("date", "timestamp")
    return one.model_copy(
        update={
            "key": one.key if one.key == other.key else (),
            "watermark": one.watermark if is_time else None,
            # What one file does not tell another may; what two tell differently is not told.
            **{
                name: told.pop() if len(told) == 1 else None
                for name in ("encoding", "usual_date_order")
                if (told := {getattr(one, name), getattr(other, name)} - {None}) is not None
            },
            "columns": tuple(columns.values()),
        }
    )


def _renamed(one: Sequence[Column], other: Sequence[Column]) -> dict[str, Column]:
    """Return the columns of `other` that are those of `one` under a new name, by their old one.

    A column without a counterpart that has the type and both neighbours of another one without.
    """

    def alone(columns: Sequence[Column], names: set[str]) -> dict[tuple[str, str, str], Column]:
        names_around = ["", *(c.name for c in columns), ""]
        return {
            (names_around[i], names_around[i + 2], column.type): column
            for i, column in enumerate(columns)
            if column.name not in names
        }

    new = alone(other, {c.name for c in one})
    old = alone(one, {c.name for c in other})
    return {column.name: new[place] for place, column in old.items() if place in new}


def _header(column: Column) -> str:
    return column.aliases[0] if column.aliases else column.name


def _name_and_pattern(file_name: str) -> tuple[str, str]:
    """Return a name for the object and a pattern for its files: the name without its numbers.

    Codes such as `Wq8hYz2L` count as numbers.
    """
    path = PurePosixPath(re.sub(r"\.gz$", "", file_name, flags=re.IGNORECASE))
    words = re.sub(r"[^\W_]+", lambda word: "0" if _CODE.match(word[0]) else word[0], path.stem)
    words = re.sub(r"[\W_]*[0-9][0-9\W_T]*", "*", words)
    name = "_".join(re.findall("[a-z0-9]+", words.lower()))
    pattern = re.sub(r"[\[\]?]", "?", words) + "*" + path.suffix
    return name if re.match("[a-z]", name) else "records", re.sub(r"\*+", "*", pattern)


def _words(column: Column) -> list[str]:
    """Split the header of a column into words, camel case as well; `#` is read as number."""
    header = _header(column).replace("#", " number ")
    return [word.lower() for word in _WORD.findall(without_accents(header))]


def _flags(
    con: duckdb.DuckDBPyConnection, landed: str, columns: Sequence[Column]
) -> Iterable[Column]:
    """Take 0 and 1 for no and yes where the name is a statement."""
    for column in columns:
        is_statement = ({"is", "has"} | _DELETED) & set(_words(column)[:2])
        if column.type != "integer" or not is_statement:
            yield column
            continue
        cell = quoted(column.name)
        other = con.execute(f"select 1 from {landed} where {cell} not in ('0', '1') limit 1")
        is_flag = other.fetchone() is None
        yield column.model_copy(update={"type": "boolean"}) if is_flag else column


def _key(
    con: duckdb.DuckDBPyConnection, landed: str, columns: Sequence[Column], name: str
) -> tuple[str, ...]:
    """Guess the key: what is always filled and never repeats, and is called like a key.

    Rows that repeat as a whole do not count. Where no column will do, two may.
    """
    possible = [c for c in columns if c.type not in ("decimal", "boolean")]
    ranks = {c.name: _key_rank(c, name, position) for position, c in enumerate(possible)}
    ranks = {column: rank for column, rank in ranks.items() if rank > 0}
    if not ranks:
        return ()
    counts = ", ".join(f"count({quoted(c)}), count(distinct {quoted(c)})" for c in ranks)
    rows = f"(select distinct {', '.join(quoted(c.name) for c in columns)} from {landed})"
    total, *found = con.execute(f"select count(*), {counts} from {rows}").fetchone() or (0,)
    filled = [c for c, count in zip(ranks, found[::2], strict=True) if count == total]
    distinct = dict(zip(ranks, found[1::2], strict=True))
    unique = [c for c in filled if distinct[c] == total > 0]
    strong = [c for c in unique if ranks[c] > 1]
    if strong:
        return (max(strong, key=lambda c: ranks[c]),)
    best = sorted(filled, key=lambda c: -ranks[c])[:_KEY_COLUMNS]
    # A position is a better second part than what stands there: that may stand there twice.
    counted = {c.name for c in possible if c.type == "integer"}
    pairs = sorted(
        combinations(best, 2),
        key=lambda pair: (-sum(ranks[c] for c in pair), sum(c not in counted for c in pair)),
    )
    if pairs:
        counts = ", ".join(f"count(distinct ({quoted(a)}, {quoted(b)}))" for a, b in pairs)
        found = list(con.execute(f"select {counts} from {rows}").fetchone() or ())
        whole = [pair for pair, count in zip(pairs, found, strict=True) if count == total > 0]
        if whole and not unique:
            return whole[0]
    times = {c.name for c in columns if c.type in ("date", "timestamp")}
    unique = [c for c in unique if c not in times]  # that days differ is chance
    # A file may hold two versions of a record: what is called a key and hardly ever repeats is one.
    repeating = [c for c in filled if ranks[c] > 2 and distinct[c] >= _NEARLY_ALL * total > 0]
    return tuple(unique[:1] or repeating[:1])


def _key_rank(column: Column, name: str, position: int) -> int:
    """Rank a column as (part of) a key: 0 is none, more than 1 is one by its name."""
    words = _words(column)
    if column.type in ("date", "timestamp"):
        return 1 if _PART_OF_A_KEY & set(words) else 0
    if words and words[-1] in _IDENTIFYING:
        own = "".join(words[:-1])
        return 4 if own in ("", name.rstrip("s").replace("_", "")) else 3 if position == 0 else 2
    if words and _COMPOUND.fullmatch(words[-1]):
        return 3 if position == 0 else 2
    return int(position == 0 or bool(_PART_OF_A_KEY & set(words)) or "email" in words)


def _personal_within(con: duckdb.DuckDBPyConnection, landed: str, column: Column) -> str | None:
    """Guess from the keys of nested objects whether a column holds personal data."""
    if column.type != "text":
        return None
    keys = con.execute(
        f"""
        select distinct unnest(regexp_extract_all(cell, '"(\\w+)" *:', 1)) as key
        from (select {quoted(column.name)} as cell from {landed})
        where starts_with(cell, '{{') or starts_with(cell, '[{{')
        order by key
        limit {_KEYS}
        """
    )
    found = {
        _personal(Column(name="nested", aliases=(key,)), has_people=True)
        for (key,) in keys.fetchall()
    }
    return "direct" if "direct" in found else "quasi" if "quasi" in found else None


def _personal(column: Column, *, has_people: bool) -> str | None:
    """Guess whether a column holds personal data; a bare "name" is that of a person beside others.

    A flag or a time is about a person's mailbox or name, not it.
    """
    words = set(_words(column))
    if words & _BIRTH:
        return "quasi"
    if column.type in ("boolean", "date", "timestamp", "decimal"):
        return None
    if words & _PERSONAL or {"e", "mail"} <= words:
        return "direct"
    if "name" in words and (words & _NAME_OF_A_PERSON or (has_people and words == {"name"})):
        return "direct"
    return "quasi" if words & _DESCRIBING else None
