"""What a schema cannot say of a request, and the endpoint refuses it for.

schemathesis holds a refusal of a request that the schema allows for a failure, unless 400 is expected. It is, and this check
takes the place of that: it says for what. See `Schema::to_json_schema` for what JSON Schema cannot say of a filter.
"""

import schemathesis
from schemathesis import GenerationMode

# What the request names is not there, or of the wrong kind; or the filter has what no schema sees.
REASONS = {
    "not_a_source", "wrong_source_kind", "unsupported", "usage", "unbound", "limit", "bad_regex", "empty_text",
    "operand_range", "duplicate_key",
}
# The text of a filter is a string like any other.
OF_TEXT = {"syntax", "bad_path", "unknown_operator", "unknown_key", "operand_type", "missing_value", "mixed_object", "case_conflict"}
# To JSON Schema, 1.0 and 1e30 are integers.
OF_PLAN = {"syntax"}


@schemathesis.check
def refuses_for_a_reason(ctx, response, case):
    meta = case.meta
    if response.status_code != 400 or meta is None or meta.generation.mode != GenerationMode.POSITIVE:
        return
    reasons = set(REASONS)
    if isinstance(case.body, dict) and "text" in case.body:
        reasons |= OF_TEXT
    if case.path.endswith("/trigger/plan"):
        reasons |= OF_PLAN
    if not (case.headers or {}).get("X-Namespace") and not (case.query or {}).get("namespace"):
        # That one of the two is there, OpenAPI cannot say.
        reasons = {"bad_request"}
    kind = response.json()["error"]["type"]
    assert kind in reasons, f"the schema allows this, and it is refused as `{kind}`: {response.text}"
