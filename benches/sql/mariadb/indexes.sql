CREATE INDEX by_status ON objects (status);
CREATE INDEX by_title ON objects (title);
CREATE INDEX by_year ON objects (year);
CREATE INDEX by_score ON objects (score);
CREATE INDEX by_tag ON object_tags (tag, object_id);
CREATE INDEX by_sku ON objects (g_sku);
CREATE INDEX by_b ON objects (g_b);
ANALYZE TABLE objects PERSISTENT FOR ALL;
ANALYZE TABLE object_tags PERSISTENT FOR ALL;
