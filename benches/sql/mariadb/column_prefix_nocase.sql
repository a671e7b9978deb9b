-- values: ["^[tT][iI][tT][lL][eE] 1999"]
SELECT object_id FROM objects WHERE title REGEXP ?
