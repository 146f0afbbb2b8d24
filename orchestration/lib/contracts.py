"""Export contracts: what a source system's exports look like.

A contract is the `attributes` part of `orchestration/defs/raw/<system>/defs.yaml`. Belongs here:
its model, its own consistency, loading it with errors that name file, line and key. Does not:
Dagster, reading any export, deciding what to do with a row.
"""

import codecs
import fnmatch
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

CellType = Literal["text", "identifier", "integer", "decimal", "boolean", "date", "timestamp"]
FileFormat = Literal["csv", "tsv", "json", "ndjson", "parquet", "xlsx"]
DateOrder = Literal["ymd", "dmy", "mdy"]

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
OneCharacter = Annotated[str, StringConstraints(min_length=1, max_length=1)]

# What people and browsers add to the name of a file: a day before it, the number of a second copy.
_BESIDE_THE_NAME = re.compile(
    r"^\d{4}([-_.]?)\d{2}\1\d{2}[-_. ]+|(?: ?\(\d{1,3}\)| - (?:copy|kopie))(?=\.)"
)

# Columns the reader adds to every raw table: what the contract does not list, as JSON, and where
# the row came from (type and meaning).
SOURCE_METADATA = "source_metadata"
PROVENANCE = {
    "_file_name": ("varchar", "Export file the row came from."),
    "_content_hash": (
        "varchar",
        "SHA-256 of that file; after a minus if since replaced.",
    ),
    "_exported_at": ("timestamp", "When the file was exported."),
    "_row_number": ("bigint", "Row of the file, from 1, the header not counted."),
    "_is_deleted": (
        "boolean",
        "The row says that the record is deleted, or a later full export is without it.",
    ),
}

# The column of a landed file that says what is wrong with a row that was set aside; views leave
# such rows out.
ASIDE_MARK = "_aside"

# The C loader reads the canonical contract in a tenth of the time; not every platform has it.
YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# Raised whenever the reader would write a different Parquet file from the same export.
READER_VERSION = 15


class ContractError(ValueError):
    """A contract that cannot be used; the message says where and what to change."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(_Strict):
    """One column of an export, under the name that raw gives it."""

    name: Name = Field(description="Name in raw: small letters, digits and `_`.")
    type: CellType = Field(
        default="text",
        description="Type of all its cells; text stays as it is. An `identifier` is text that "
        "names something (id, phone, postal code): spreadsheets damage it, so the apostrophe they "
        "lead it with is removed and scientific notation, which has lost digits, is not accepted. "
        "A row with a cell that is not of its type goes to quarantine as a whole, whether the "
        "column is required or not: a record counts as its system wrote it, or not yet. What may "
        "be wrong without harm is text, which staging takes by `try_cast`.",
    )
    format: str | None = Field(
        default=None,
        description="Form of a date or timestamp in the signs of strptime (`%d.%m.%y %H:%M`), "
        "where it cannot be recognised.",
    )
    aliases: tuple[str, ...] = Field(
        default=(),
        description="Other headers it is known by; upper and lower case do not matter.",
    )
    required: bool = Field(
        default=False, description="A file without the column is refused; keys always are required."
    )
    not_null: bool = Field(
        default=False,
        description="A row with an empty cell goes to quarantine; keys are never empty.",
    )
    pii: Literal["direct", "quasi"] | None = Field(
        default=None,
        description="Personal data: `direct` identifies a person by itself, `quasi` together with "
        "other columns. It is masked in messages.",
    )
    description: str = Field(default="", description="What the column means.")

    @model_validator(mode="after")
    def _check(self) -> "Column":
        if self.name == SOURCE_METADATA:
            raise ValueError(f"{SOURCE_METADATA} is added by the reader: choose another name")
        if self.format is not None and self.type not in ("date", "timestamp"):
            raise ValueError(f"format is for date and timestamp, not for {self.type}")
        return self


class ExportObject(_Strict):
    """One kind of record that a system exports, and how its files look."""

    name: Name = Field(description="Name of the object: its raw table is `<system>__<name>`.")
    description: str = Field(default="", description="What one row is.")
    files: tuple[str, ...] = Field(
        min_length=1,
        description="Glob patterns of its files (`orders*.csv`), matched without regard to case "
        "against the file name, with a slash against the path below `landing/<system>/`, after "
        "`.gz` and `.zip` were taken off; inside a zip the members are matched.",
    )
    format: FileFormat | None = Field(
        default=None, description="Format, whatever the name ends in."
    )
    encoding: str | None = Field(
        default=None, description="Encoding of text files that are not UTF-8, e.g. `cp1252`."
    )
    delimiter: OneCharacter | None = Field(default=None, description="What stands between cells.")
    quote: Annotated[str, StringConstraints(max_length=1)] | None = Field(
        default=None, description='What stands around cells; `""` says that they are never quoted.'
    )
    escape: OneCharacter | None = Field(
        default=None, description="What stands before a quote that is text."
    )
    header: bool = Field(
        default=True,
        description="False where the files have no names of columns: they are those of the "
        "contract, in their order.",
    )
    header_rows: int = Field(
        default=1, ge=1, description="Rows of the header; the first holds the names (Qualtrics: 3)."
    )
    footer: tuple[str, ...] = Field(
        default=(),
        description="Glob patterns of the first filled cell of lines behind the last row "
        "(`Grand Totals*`).",
    )
    decimal: Literal[".", ","] | None = Field(
        default=None, description="What stands before the fraction of numbers."
    )
    thousands: OneCharacter | None = Field(
        default=None, description="What groups the digits of numbers."
    )
    date_order: DateOrder | None = Field(
        default=None, description="Order of day, month and year in dates of numbers."
    )
    usual_date_order: DateOrder | None = Field(
        default=None,
        description="The same as the system writes it as a rule: taken, with a warning, where "
        "neither a file nor the others of its object tell days from months.",
    )
    timezone: str = Field(
        default="UTC",
        description="Time zone of times without an offset (`Europe/Berlin`), where a file does not "
        "name another one itself.",
    )
    null_values: tuple[str, ...] = Field(
        default=(), description="What stands for an empty cell, in columns of text as well."
    )
    mode: Literal["full", "delta"] = Field(
        description="`full`: a file holds all records, and one that is in no file of the last full "
        "export is deleted. `delta`: a file holds what is new or has changed."
    )
    delta_files: tuple[str, ...] = Field(
        default=(),
        description="Patterns of those files of a `full` object that hold changes only.",
    )
    required: bool = Field(default=False, description="A file must have arrived at least once.")
    min_rows: int = Field(
        default=1, ge=0, description="Rows that all its files together must hold."
    )
    key: tuple[Name, ...] = Field(
        description="Columns that name a record; `[]` where nothing does: then every row counts, "
        "and files may not overlap."
    )
    watermark: Name | None = Field(
        default=None,
        description="Date or timestamp that tells the newest row of a key within one export, and "
        "when a file was exported whose name does not say it.",
    )
    deleted_flag: Name | None = Field(
        default=None, description="Boolean that says that a record is deleted."
    )
    columns: tuple[Column, ...] = Field(
        min_length=1, description="Its columns; others are kept in `source_metadata`."
    )

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                codecs.lookup(value)
            except LookupError:
                raise ValueError(
                    f"unknown encoding {value!r}; e.g. utf-8, cp1252, gb18030"
                ) from None
        return value

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"unknown time zone {value!r}; e.g. UTC, Europe/Berlin") from None
        return value

    @model_validator(mode="after")
    def _check(self) -> "ExportObject":
        if self.delta_files and self.mode != "full":
            raise ValueError("delta_files are for mode full; in mode delta every file is one")
        if self.decimal is not None and self.decimal == self.thousands:
            raise ValueError(f"decimal and thousands are both {self.decimal!r}")
        by_name = {column.name: column for column in self.columns}
        headers = [(text, c.name) for c in self.columns for text in (c.name, *c.aliases)]
        for repeated in _repeated(_folded(text) for text, _ in headers):
            alike = [f"{t!r} of column {name}" for t, name in headers if _folded(t) == repeated]
            raise ValueError(
                f"name or alias used twice: {' and '.join(alike)} are the same, as upper and lower "
                "case do not matter: leave out all but one"
            )
        for role, names in {
            "key": self.key,
            "watermark": [self.watermark] if self.watermark else [],
            "deleted_flag": [self.deleted_flag] if self.deleted_flag else [],
        }.items():
            for name in names:
                if name not in by_name:
                    raise ValueError(f"{role} names {name}, which is not among the columns")
        if self.watermark and by_name[self.watermark].type not in ("date", "timestamp"):
            raise ValueError(f"watermark {self.watermark} must be a date or a timestamp")
        return self

    def column(self, name: str) -> Column:
        """Return the column of that name."""
        return next(column for column in self.columns if column.name == name)

    def is_full(self, file_name: str) -> bool:
        """Tell whether a file of the object holds all records, so that absence means deletion."""
        plain = file_name.removesuffix(".gz")
        return self.mode == "full" and not any(matches(plain, p) for p in self.delta_files)

    def must_be_filled(self, column: Column) -> bool:
        """Tell whether an empty cell of the column makes the row unusable."""
        return column.not_null or column.name in self.key

    def must_be_present(self, column: Column) -> bool:
        """Tell whether a file without the column is refused."""
        return column.required or column.name in self.key

    def contract_hash(self) -> str:
        """Hash what decides how a file of this object lands.

        Descriptions and the like are left out, so that rewording them re-reads nothing.
        """
        deciding = self.model_dump(
            mode="json",
            exclude={"description", "files", "delta_files", "required", "min_rows"},
        )
        for column in deciding["columns"]:
            del column["description"], column["pii"]
        text = json.dumps([READER_VERSION, deciding], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class ExportContract(_Strict):
    """Everything a source system exports."""

    system: Name = Field(description="Name of the system and of the folder of the contract.")
    description: str = Field(default="", description="What its exports are.")
    owner: str | None = Field(default=None, description="Who answers for it: `team:<name>`.")
    objects: tuple[ExportObject, ...] = Field(min_length=1, description="What it exports.")

    @model_validator(mode="after")
    def _check(self) -> "ExportContract":
        repeated = _repeated(exported.name for exported in self.objects)
        if repeated:
            raise ValueError(f"object named twice: {', '.join(repeated)}")
        return self

    def object(self, name: str) -> ExportObject:
        """Return the object of that name."""
        return next(exported for exported in self.objects if exported.name == name)


def load_contract(path: Path) -> ExportContract:
    """Load the contract of one system from its `defs.yaml`.

    Raises ContractError with one line per problem: file, line, key, what is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = yaml.load(text, Loader=YAML_LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ContractError(f"{path}: cannot be read: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("attributes"), dict):
        raise ContractError(f"{path}: expected `type:` and `attributes:` (the export contract)")
    try:
        contract = ExportContract.model_validate(content["attributes"])
    except ValidationError as error:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        problems = error.errors()
        # Pydantic leaves out what is wrong and then misses it.
        missed = {p["loc"] for p in problems if p["type"] == "too_short"}
        missed &= {p["loc"][:i] for p in problems for i in range(len(p["loc"]))}
        raise ContractError(
            "\n".join(
                _problem(path, root, content, ("attributes", *problem["loc"]), _said(problem))
                for problem in problems
                if problem["loc"] not in missed
            )
        ) from error
    if contract.system != path.parent.name:
        raise ContractError(
            f"{path}: system is {contract.system!r} but the folder is {path.parent.name!r}: "
            "give both the same name"
        )
    return contract


def load_contracts(raw_defs: Path) -> dict[str, ExportContract]:
    """Load every `<system>/defs.yaml` below `orchestration/defs/raw`, by system name."""
    contracts = (load_contract(path) for path in sorted(raw_defs.glob("*/defs.yaml")))
    return {contract.system: contract for contract in contracts}


def matches(file_name: str, pattern: str) -> bool:
    """Tell whether a path below `landing/<system>/` fits a pattern, without regard to case.

    A pattern with a slash is held against the path, another one against the file's own name, as it
    is and without a day before it and the number that browsers give to a second copy.
    """
    path = file_name.lower()
    if "/" in pattern:
        return fnmatch.fnmatchcase(path, pattern.lower())
    name = PurePosixPath(path).name
    names = {name, _BESIDE_THE_NAME.sub("", name)}
    return any(fnmatch.fnmatchcase(text, pattern.lower()) for text in names)


def raw_columns(exported: ExportObject) -> list[str]:
    """Return the columns of an object's raw table, those that the reader adds included."""
    return [*(column.name for column in exported.columns), SOURCE_METADATA, *PROVENANCE]


def _said(problem: "ErrorDetails") -> str:
    """Say what is wrong; of a key that is not known, where it belongs or what is like it."""
    if problem["type"] != "extra_forbidden":
        return problem["msg"]
    *above, key = problem["loc"]
    levels: dict[str, type[BaseModel]]
    levels = {"system": ExportContract, "object": ExportObject, "column": Column}
    level = "column" if "columns" in above else "object" if "objects" in above else "system"
    places = [name for name, model in levels.items() if key in model.model_fields]
    near = get_close_matches(str(key), levels[level].model_fields, n=1)
    if places:
        hint = f"it is declared for the {' or the '.join(places)}"
    else:
        hint = f"is it {near[0]}?" if near else "leave it out"
    article = "an" if level == "object" else "a"
    return f"{article} {level} has no such key: {hint} (docs/reference/contract.md)"


def _problem(
    path: Path, root: yaml.Node | None, content: Any, loc: Sequence[int | str], message: str
) -> str:
    """Name the place of a problem the way a person finds it: line, then key with object names."""
    line = 1
    node, value, words = root, content, []
    for step in loc:
        child: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            found = [(k, v) for k, v in node.value if k.value == step]
            if found:
                line, child = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            child = node.value[step]
            line = child.start_mark.line + 1
        value = value[step] if child is not None else None
        named = isinstance(step, int) and isinstance(value, dict) and "name" in value
        words.append(str(value["name"] if named and value is not None else step))
        node = child
    return f"{path}:{line}: {'.'.join(words)}: {message.removeprefix('Value error, ')}"


def _folded(header: str) -> str:
    """Bring a header or alias to the form in which two are compared."""
    return header.strip().casefold()


def _repeated(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    return sorted({name for name in names if name in seen or seen.add(name)})  # type: ignore[func-returns-value]
