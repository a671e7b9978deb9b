-- values: ["9999"]
SELECT object_id FROM objects WHERE INSTR(CAST(title AS BINARY), CAST(? AS BINARY)) > 0
