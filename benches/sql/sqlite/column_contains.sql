SELECT object_id FROM objects WHERE instr(title, '9999') > 0
