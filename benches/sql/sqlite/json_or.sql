SELECT object_id FROM objects WHERE json_extract(doc, '$."sku"') = 's77' OR (json_extract(doc, '$."a"."b"') = 12345 AND json_type(doc, '$."a"."b"') IN ('integer', 'real'))
