SELECT object_id FROM objects WHERE json_extract(doc, '$."sku"') IN (SELECT value FROM json_each(?))
