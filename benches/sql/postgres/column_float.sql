-- values: [500.0]
-- An infinity, which the type can hold, counts as missing.
SELECT object_id FROM objects WHERE score <= $1 AND score > '-infinity'
