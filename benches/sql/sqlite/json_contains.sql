-- values: ["9999"]
SELECT object_id FROM objects WHERE instr(json_extract(doc, '$."note"'), ?) > 0 AND json_type(doc, '$."note"') = 'text'
