SELECT object_id FROM objects WHERE status IN (SELECT v FROM JSON_TABLE(?, '$[*]' COLUMNS (v VARCHAR(15) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PATH '$')) l)
