-- values: [199000]
-- Numbers are below all text, and booleans are 0 or 1.
SELECT object_id FROM objects WHERE json_extract(doc, '$."a"."b"') > ? AND json_extract(doc, '$."a"."b"') < ''
