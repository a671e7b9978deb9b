SELECT object_id FROM objects WHERE json_extract(doc, '$."sku"') = 's5000'
