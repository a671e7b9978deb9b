INSERT INTO objects (object_id, doc, status, title, year, score) VALUES (?, ?, ?, ?, ?, ?)
