-- values: [12345]
-- A boolean is read as 0 or 1.
SELECT object_id FROM objects WHERE json_extract(doc, '$."a"."b"') = ?
