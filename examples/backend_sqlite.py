#!/usr/bin/env python3
"""A backend for `trommel conformance`: SQLite as Python has it, asked in the SQL that `trommel sql` prints.

    trommel conformance --backend "python3 examples/backend_sqlite.py"

An argument names the `trommel` to use; without one it is found by its name. Python's SQLite may be older than the one
that the SQL is written for. What it then reads otherwise is said to be unsupported, and never guessed.
"""

import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile

# Each row is well-formed JSON: no guard is needed, which an older SQLite could not read.
MAPPING = {"table": "documents", "id": "id", "json": "doc", "json_valid": True}
IS_OLD = sqlite3.sqlite_version_info < (3, 47)


class Unsupported(Exception):
    """What this backend cannot answer, and why."""


class Backend:
    def __init__(self, trommel, folder):
        self.trommel = trommel
        self.folder = pathlib.Path(folder)
        self.write("mapping.json", MAPPING)

    def write(self, name, value):
        path = self.folder / name
        path.write_text(json.dumps(value), encoding="utf-8")
        return path

    def run(self, arguments, given):
        """The command's output; it fails with 2, and tells why on the standard error that is ours too."""
        done = subprocess.run([self.trommel, *arguments], input=given.encode(), stdout=subprocess.PIPE)
        if done.returncode == 2:
            raise RuntimeError(f"trommel {arguments[0]} failed")
        return done.stdout

    def lowered(self, filter, schema):
        """The condition, its values, and the filter that is left to recheck, if any."""
        arguments = ["sql", "-", "--notation=json", "--dialect=sqlite", "--allow-residual", "--format=json"]
        arguments += [f"--mapping={self.folder / 'mapping.json'}", *schema]
        answer = json.loads(self.run(arguments, json.dumps(filter)))
        return answer["sql"], answer["values"], answer["residual"]

    def condition(self, filter, schema):
        """What to put after WHERE, its values, and what is left to recheck."""
        return self.lowered(filter, schema)

    def answer(self, question):
        filter, documents = question["filter"], question["documents"]
        schema = []
        if question["schema"] is not None:
            schema = [f"--schema={self.write('schema.json', question['schema'])}"]
        database = sqlite3.connect(":memory:")
        refuse_what_is_misread(database, question)
        database.execute("CREATE TABLE documents (id INTEGER PRIMARY KEY, doc TEXT NOT NULL)")
        rows = [(index, json.dumps(document, ensure_ascii=False)) for index, document in enumerate(documents)]
        database.executemany("INSERT INTO documents VALUES (?, ?)", rows)
        condition, values, residual = self.condition(filter, schema)
        try:
            found = database.execute(f"SELECT id FROM documents WHERE {condition}", values).fetchall()
        except sqlite3.OperationalError as error:
            if IS_OLD and "parser stack overflow" in str(error):
                raise Unsupported(f"SQLite {sqlite3.sqlite_version} holds few levels") from error
            raise
        matches = sorted(index for (index,) in found)
        if residual is not None and matches:
            matches = self.recheck(residual, schema, matches, rows)
        return matches

    def recheck(self, residual, schema, matches, rows):
        """Which of these match the rest of the filter too: grep says on which lines they are."""
        path = self.write("residual.json", residual)
        lines = "".join(rows[index][1] + "\n" for index in matches)
        out = self.run(["grep", "--line-number", "--notation=json", f"@{path}", "-", *schema], lines)
        return [matches[int(line.split(b":", 1)[0]) - 1] for line in out.splitlines()]


def refuse_what_is_misread(database, question):
    """Raises `Unsupported` for a value, a key or a date that this SQLite reads as another."""
    filter, documents = question["filter"], question["documents"]
    if IS_OLD and "datetime" in leaves_of(question["schema"]):
        raise Unsupported(f"SQLite {sqlite3.sqlite_version} takes the 30th of February for a date")
    for key in keys_of(documents):
        if "\0" in key:
            raise Unsupported("SQLite ends a key at U+0000")
    if IS_OLD and any(is_odd(path) for path in paths_of(filter)):
        raise Unsupported(f"SQLite {sqlite3.sqlite_version} misreads keys with quotes and controls")
    values = [value for value in leaves_of(documents) if isinstance(value, (str, float))]
    read = database.execute("SELECT value FROM json_each(?)", [json.dumps(values, ensure_ascii=False)])
    for value, (stored,) in zip(values, read, strict=True):
        if type(value) is not type(stored) or value != stored:
            raise Unsupported(f"SQLite {sqlite3.sqlite_version} misreads {json.dumps(value)}")


def is_odd(path):
    return any(c == "\\" or ord(c) < 32 for c in path)


def containers_of(value):
    todo = [value]
    while todo:
        value = todo.pop()
        if isinstance(value, (dict, list)):
            yield value
            todo.extend(value.values() if isinstance(value, dict) else value)


def keys_of(value):
    for container in containers_of(value):
        if isinstance(container, dict):
            yield from container


def leaves_of(value):
    for container in containers_of(value):
        for member in container.values() if isinstance(container, dict) else container:
            if not isinstance(member, (dict, list)):
                yield member


def paths_of(filter):
    """The paths of a filter: of its conditions, and the keys of its shorthand pairs."""
    for container in containers_of(filter):
        if isinstance(container, dict):
            yield container["field"] if "field" in container else ""
            yield from container


def serve(backend_class):
    """Answers one question a line until there are no more."""
    sys.setrecursionlimit(10_000)
    with tempfile.TemporaryDirectory() as folder:
        backend = backend_class(sys.argv[1] if len(sys.argv) > 1 else "trommel", folder)
        for line in sys.stdin.buffer:
            question = json.loads(line)
            answer = {"id": question["id"]}
            try:
                answer["matches"] = backend.answer(question)
            except Unsupported as why:
                answer["unsupported"] = str(why)
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve(Backend)
