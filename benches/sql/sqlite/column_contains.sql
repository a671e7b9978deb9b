-- values: ["9999"]
SELECT object_id FROM objects WHERE instr(title, ?) > 0
