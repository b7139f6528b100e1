"""IngestSettings: everything about reading articles that a user can set."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, field

from recommender._languages import normalize_lang
from recommender._settings import nearest
from recommender.errors import ConfigError

__all__ = ["ARTICLE_FIELDS", "DEFAULT_SETTINGS", "FORMATS", "IngestSettings"]

FORMATS = ("jsonl", "csv", "tsv", "parquet", "html", "text")

# What ``columns`` may map: the fields of Article that a source can state, the four details of its
# picture, and the column that holds a whole saved page.
ARTICLE_FIELDS = (
    "id",
    "title",
    "lead",
    "body",
    "url",
    "section",
    "tags",
    "authors",
    "lang",
    "published_at",
    "updated_at",
    "image",
    "image_alt",
    "image_caption",
    "image_width",
    "image_height",
    "label",
    "sensitive",
    "links",
    "html",
)

_LARGEST = 2**53  # reading asks for one byte more, which no machine counts past 2**63

_AT_LEAST_ONE = (
    "max_article_bytes",
    "max_text_chars",
    "max_title_chars",
    "max_list_items",
    "max_decompressed_bytes",
    "max_decompressed_ratio",
)


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """How articles are read. Every limit exists so that no input decides how much memory is used.

    Attributes
    ----------
    columns : mapping of article field to column name
        Where the source keeps a field, for exports whose names are not among the built-in aliases.
        Upper and lower case do not matter; ``"title": "title.rendered"`` reaches into a nested
        object. A field mapped here is read from that column only.
    site_profiles : tuple of str
        TOML files, or folders of them, that say where the articles stand on your sites' pages; they
        go before the profiles that come with this package.
    column_names : tuple of str
        Names of the columns of a CSV or TSV file that has no header row; () = its first row.
    format : "jsonl", "csv", "tsv", "parquet", "html", "text" or None
        None = by suffix, checked against the content. A stated format is never replaced by a guess.
    encoding : str
        Of text files, as Python names it ("utf-8", "cp1251", ...).
    default_lang : str or None
        ISO 639 code for articles whose source states no language; None = detect it later.
    max_article_bytes : int, bytes
        A record larger than this is rejected without being held in memory.
    max_text_chars : int, characters
        A lead or body longer than this is cut there, with a notice.
    max_title_chars : int, characters
        A title (or section, label, tag, author) longer than this is cut there, with a notice.
    max_list_items : int
        Tags, authors and links past this number are dropped, with a notice.
    max_decompressed_bytes : int, bytes
        A ``.gz`` that unpacks to more is read up to there and then reported (decompression-limit).
    max_decompressed_ratio : float
        The same for unpacked size over packed size; looked at once 64 MiB have come out.
    max_errors : int or None
        More rejections than this stop the run with TooManyRejectionsError; None = no limit, 0 =
        none allowed.
    clean : bool
        Split promo lines, back references, captions and the like off from the body.
    extra_columns : tuple of str
        Unknown columns kept in ``Article.extra``; ("*",) keeps all. ``type``,
        ``region``, ``series`` and ``embargo_until``, which blocks ask for, are kept in any case.

    Raises
    ------
    ConfigError : a value that cannot be used; the message names the setting

    Examples
    --------
    >>> IngestSettings(columns={"id": "nid"}, encoding="cp1251").encoding
    'cp1251'
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    site_profiles: tuple[str, ...] = ()
    column_names: tuple[str, ...] = ()
    format: str | None = None
    encoding: str = "utf-8"
    default_lang: str | None = None
    max_article_bytes: int = 16 * 2**20
    max_text_chars: int = 200_000
    max_title_chars: int = 2_000
    max_list_items: int = 200
    max_decompressed_bytes: int = 64 * 2**30
    max_decompressed_ratio: float = 100.0
    max_errors: int | None = None
    clean: bool = True
    extra_columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_columns(self.columns)
        _check_names("extra_columns", self.extra_columns)
        _check_names("column_names", self.column_names)
        _check_names("site_profiles", self.site_profiles)
        _check_words(self)
        for name in _AT_LEAST_ONE:
            _check_number(name, getattr(self, name), smallest=1)
        if self.max_errors is not None:
            _check_number("max_errors", self.max_errors, smallest=0)


def _check_columns(columns: object) -> None:
    if not isinstance(columns, Mapping):
        raise ConfigError(f"columns must map article fields to column names, got {columns!r}")
    for name, column in columns.items():
        if name not in ARTICLE_FIELDS:
            raise ConfigError(
                f"columns names no article field {name!r}.{nearest(str(name), ARTICLE_FIELDS)}"
            )
        if not isinstance(column, str) or not column:
            raise ConfigError(f"columns[{name!r}] must be the name of a column, got {column!r}")


def _check_names(setting: str, names: object) -> None:
    if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
        raise ConfigError(f"{setting} must be a list of names, got {names!r}")


def _check_words(settings: IngestSettings) -> None:
    if settings.format is not None and settings.format not in FORMATS:
        raise ConfigError(
            f"Unknown format {settings.format!r}.{nearest(str(settings.format), FORMATS)}"
        )
    try:
        codec = codecs.lookup(settings.encoding)
        "{".encode(settings.encoding, "ignore")  # some ("idna") have a name and no use
    except (LookupError, TypeError, ValueError):
        codec = None
    # bytes-to-bytes codecs ("zlib", "hex") unpack instead of decoding.
    if codec is None or not getattr(codec, "_is_text_encoding", True):
        raise ConfigError(
            f"Unknown encoding {settings.encoding!r}; expected a name like 'utf-8' or 'cp1251'"
        )
    lang = settings.default_lang
    if lang is not None and (not isinstance(lang, str) or normalize_lang(lang) != lang):
        raise ConfigError(f"default_lang must be a code like 'uk', 'ru' or 'en', got {lang!r}")
    if not isinstance(settings.clean, bool):
        raise ConfigError(f"clean must be true or false, got {settings.clean!r}")


def _check_number(name: str, number: object, *, smallest: int) -> None:
    # ``not >=`` and not ``<``: NaN compares false both ways and must be refused.
    whole = name != "max_decompressed_ratio"
    kinds = int if whole else (int, float)
    if isinstance(number, bool) or not isinstance(number, kinds) or not number >= smallest:
        raise ConfigError(f"{name} must be a number of at least {smallest}, got {number!r}")
    if whole and number > _LARGEST:
        raise ConfigError(f"{name} must be at most {_LARGEST:,}")


DEFAULT_SETTINGS = IngestSettings()
