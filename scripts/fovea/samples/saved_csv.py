"""CSV files as spreadsheet programs of any country save them: encoding, separator, decimal sign.

Excel saves CSV with the separator and the decimal sign of the computer's region, in UTF-8, in
UTF-16 or in the code page of Windows, may write the separator into a line of its own (``sep=;``),
and fills all lines up to the same number of separators, also those of comments. What is certain is
read; what has two meanings, such as ``1,234`` beside ``1.5``, is refused with file and line.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fovea.errors import FoveaError, show
from fovea.jobs.checksums import read_whole

SEPARATORS = ",;\t|"
#: Words for true and false, also those that Excel writes in other languages; in small letters.
_TRUE = """true yes y t 1 good ok wahr ja vrai oui vero sì si verdadero verdadeiro sí sim waar
    prawda tak истина да pravda sand sant tosi igaz adevărat doğru 真"""
_FALSE = """false no n f 0 bad falsch nein faux non falso não onwaar nee fałsz nie ложь нет
    nepravda falsk usant epätosi hamis fals yanliş yanlış 假"""
TRUTH = dict.fromkeys(_TRUE.split(), True) | dict.fromkeys(_FALSE.split(), False)
#: What spreadsheets write for a value that is not available, beside the words that Arrow knows.
MISSING = ("#NV", "#N/D", "#N/V", "#NB", "#I/T", "#BRAK", "#Н/Д")
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"),
)  # fmt: skip
_SEP_LINE = re.compile(r'"?sep=(.)"?[,;\t|"]*', re.I)
_COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.I)
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}([.,]\d{3})+")
_DIGITS = re.compile(r"\d\.\d")
_POINT = re.compile(r"[+-]?[\d.,'\s]*\d\.\d[\d.,'\s]*(e[+-]?\d+)?", re.I)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}([.,'’\s]\d{3})+([.,]\d+)?")
_DATE = re.compile(
    r"\d{1,4}[./-]\d{1,2}([./-]\d{1,4})?\.?|\d{1,2}[. -]*[^\W\d_]{3,9}[. -]*(\d{2,4})?|"
    r"[^\W\d_]{3,9}[. -]+\d{2,4}|\d{4}-\d\d-\d\d[ T].*|"
    r"\d{1,3}:\d\d(:\d\d)?([.,]\d+)?( [ap]m)?", re.I,
)  # fmt: skip


@dataclass
class SavedCsv:
    """The text of a CSV file, taken apart as far as its rows."""

    path: str
    comments: list[str]  # of the lines before the header that begin with ``#``, without it
    names: list[str]  # in the header
    separator: str
    lines: list[str]  # below the header; those that hold nothing are empty
    first: int  # number of the first of these in the file, counted from 1

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the number of each line that holds something, and its values.

        A line that a spreadsheet has put into one cell, quotes and all, is taken apart.
        """
        reader = csv.reader(self.lines, delimiter=self.separator)
        before = 0
        for row in reader:
            line, before = self.first + before, reader.line_num
            if len(row) == 1 and len(self.names) > 1:
                other = next((c for c in SEPARATORS if row[0].count(c) >= 2), self.separator)
                row = next(csv.reader([row[0]], delimiter=other), [])
            if any(value.strip() for value in row):
                yield line, row

    def line_of(self, row: int) -> int:
        """Return the number of the line of a row, which is counted from 0."""
        return next((line for n, (line, _) in enumerate(self.rows()) if n == row), self.first)


def open_csv(path: str | Path) -> SavedCsv:
    """Read a CSV file as text; FoveaError if it is no text or has no header."""
    lines = decoded(path).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    separator, comments, header, number = "", [], "", 0
    for number, line in enumerate(lines, 1):  # noqa: B007, the number of the header's line
        if not line.strip(SEPARATORS + '" '):
            continue
        if not separator and (match := _SEP_LINE.fullmatch(line.strip())):
            separator = match[1]
        elif line.lstrip('" ').startswith("#"):
            comments.append(line.strip(SEPARATORS + '" ').lstrip("#").strip(SEPARATORS + '" '))
        else:
            header = line
            break
    rest = [line if line.strip(SEPARATORS + '" ') else "" for line in lines[number:]]
    separator = separator or separator_of(header)
    names = _values(header, separator)
    if len(names) == 1 and separator_of(names[0]) in names[0]:  # whole lines in quotes
        rest = [_values(line, separator)[0] if line else "" for line in rest]
        separator = separator_of(names[0])
        names = _values(names[0], separator)
    names = [name.strip() for name in names]
    return SavedCsv(str(path), comments, names, separator, rest, number + 1)


def _values(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator), [])


def separator_of(header: str) -> str:
    """Return the separator of a header: the one that stands in it most often, outside quotes."""
    bare = re.sub(r'"[^"]*"', "", header)
    return max(SEPARATORS, key=bare.count)


def decoded(path: str | Path) -> str:
    """Return the text of a file in whatever encoding; FoveaError if it is no text."""
    data = read_whole(path)
    kinds = ((b"PK\x03\x04", "an Excel workbook or another archive"),
             (b"\xd0\xcf\x11\xe0", "an Excel workbook of an old version"),
             (b"%PDF", "a PDF"), (b"\x1f\x8b", "a gzip archive"))  # fmt: skip
    kind = next((words for start, words in kinds if data.startswith(start)), None)
    if kind is None and data[:512].lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        kind = "a web page or XML"
    if kind:
        raise FoveaError(
            f"{path}: is {kind} and no text, whatever its name says; open it in a spreadsheet "
            "program and save it as CSV UTF-8"
        )
    encoding = next((name for bom, name in _BOMS if data.startswith(bom)), None)
    if encoding is None and b"\0" in data[:200]:
        encoding = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
    for name in [encoding] if encoding else ["utf-8", "cp1252", "latin-1"]:
        try:
            return data.decode(name).lstrip("\ufeff")
        except UnicodeDecodeError as error:
            reason = error
    raise FoveaError(
        f"{path}: cannot be read as {encoding} text: {reason.reason}; save it as CSV UTF-8"
    )


def has_decimal_commas(saved: SavedCsv, texts: list[str]) -> bool:
    """Return whether the numbers of a file have decimal commas.

    `texts` are different values of the file that are no numbers with decimal points. FoveaError if
    points stand in numbers, too, or a sign may separate thousands.
    """
    commas = [text for text in map(str.strip, texts) if _COMMA.fullmatch(text)]
    doubtful = bool(commas) and all(map(_GROUPED.fullmatch, commas))
    points: list[str] = []
    if saved.separator == ";" or commas:  # only where Excel of such a region may be at work
        points = [
            value.strip()
            for line in saved.lines
            if _DIGITS.search(line)
            for value in _values(line, saved.separator)
            if _POINT.fullmatch(value.strip())
        ]
    if points and commas:
        raise FoveaError(
            f"{saved.path}: {_place(saved, points[0])} holds {show(points[0])}, but other numbers "
            f"have decimal commas, such as {show(commas[0])}; save it with one decimal sign and "
            "without separators of thousands"
        )
    if points:
        doubtful, commas = all(map(_GROUPED.fullmatch, points)), points
    elif saved.separator == ";":
        doubtful = False
    if doubtful:
        raise FoveaError(
            f"{saved.path}: {_place(saved, commas[0])} holds {show(commas[0])}, whose "
            f"{'point' if points else 'comma'} may be a decimal sign or separate thousands; save "
            "it without separators of thousands, or with more digits"
        )
    return bool(commas) and not points


def _place(saved: SavedCsv, text: str) -> str:
    return next((f"line {line}" for line, row in saved.rows()
                 if any(value.strip() == text for value in row)), "a line")  # fmt: skip


def hint(value: str) -> str:
    """Say what a spreadsheet program may have made of a number; nothing where it is not known."""
    text = value.strip()
    if _DATE.fullmatch(text):
        return "; it looks like a date or a time of day, into which spreadsheets turn numbers: "\
               "format the column as a number and save it again"  # fmt: skip
    if _THOUSANDS.fullmatch(text):
        return "; it seems to have separators of thousands: save it without them"
    if text.startswith("#"):
        return "; it is an error of a spreadsheet's formula: correct it, or leave it empty"
    return ""
