-- values: ["s1999", "s199:"]
SELECT object_id FROM objects WHERE json_extract(doc, '$."sku"') >= ? AND json_extract(doc, '$."sku"') < ?
