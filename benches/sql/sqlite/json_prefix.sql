SELECT object_id FROM objects WHERE json_extract(doc, '$."sku"') >= 's1999' AND json_extract(doc, '$."sku"') < 's199:'
