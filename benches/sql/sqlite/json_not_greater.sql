-- values: [1000]
SELECT object_id FROM objects WHERE (json_extract(doc, '$."a"."b"') <= ? OR json_type(doc, '$."a"."b"') IS NULL OR json_type(doc, '$."a"."b"') IN ('null', 'true', 'false', 'text', 'array', 'object'))
