-- values: ["9999"]
SELECT object_id FROM objects WHERE INSTR(CAST(JSON_VALUE(doc, '$.note') AS BINARY), CAST(? AS BINARY)) > 0 AND JSON_TYPE(JSON_EXTRACT(doc, '$.note')) = 'STRING'
