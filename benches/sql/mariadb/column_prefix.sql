SELECT object_id FROM objects WHERE title >= 'Title 1999' AND title < 'Title 199:'
