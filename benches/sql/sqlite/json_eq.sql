-- values: ["s5000"]
-- No text of an array or object begins so, and no number is equal to text.
SELECT object_id FROM objects WHERE json_extract(doc, '$."sku"') = ?
