CREATE TABLE objects (object_id bigint NOT NULL PRIMARY KEY, doc json NOT NULL,
    status varchar(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    title varchar(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    year bigint NOT NULL, score double NOT NULL,
    g_sku varchar(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin AS (JSON_VALUE(doc, '$.sku')) VIRTUAL,
    g_b double AS (CASE WHEN JSON_TYPE(JSON_EXTRACT(doc, '$.a.b')) IN ('INTEGER', 'DOUBLE') THEN JSON_VALUE(doc, '$.a.b') END) VIRTUAL);
CREATE TABLE object_tags (object_id bigint NOT NULL, tag varchar(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL);
