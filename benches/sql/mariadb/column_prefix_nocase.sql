SELECT object_id FROM objects WHERE title REGEXP '^[tT][iI][tT][lL][eE] 1999'
