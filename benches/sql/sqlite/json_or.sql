-- values: ["s77", 12345]
SELECT object_id FROM objects WHERE json_extract(doc, '$."sku"') = ? OR json_extract(doc, '$."a"."b"') = ?
