SELECT object_id FROM objects WHERE (json_type(doc, '$."sku"') IS NULL OR json_type(doc, '$."sku"') = 'null')
