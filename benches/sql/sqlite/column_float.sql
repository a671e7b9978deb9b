-- values: [500, -1.7976931348623157e+308]
-- An infinity, which the type can hold, counts as missing.
SELECT object_id FROM objects WHERE score <= ? AND score >= ?
