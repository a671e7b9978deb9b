#!/usr/bin/env python3
"""A backend with a mistake, for `trommel conformance` to find: it asks for the filter inside a NOT, and writes NOT before
it. In SQL that leaves out the rows for which the condition is NULL, such as those where the field is missing."""

from backend_sqlite import Backend, serve


class Wrong(Backend):
    def condition(self, filter, schema):
        inner = filter.get("NOT")
        if len(filter) == 1 and isinstance(inner, list) and len(inner) == 1:
            condition, values, residual = self.lowered(inner[0], schema)
            if residual is None:
                return f"NOT ({condition})", values, None
        return self.lowered(filter, schema)


if __name__ == "__main__":
    serve(Wrong)
