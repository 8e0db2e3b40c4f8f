CREATE TABLE `m8` (
  `id` bigint unsigned NOT NULL AUTO_INCREMENT,
  `my_row_id` bigint unsigned NOT NULL DEFAULT '0' /*!80023 INVISIBLE */,
  `name` varchar(255) COLLATE utf8mb4_bin DEFAULT NULL,
  `doc` json DEFAULT NULL,
  `created` timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
  `expr` int DEFAULT ((1 + 2)),
  `len` int GENERATED ALWAYS AS (char_length(`name`)) STORED NOT NULL COMMENT 'it''s; -- no comment',
  `p` point NOT NULL /*!80003 SRID 4326 */,
  `y` year DEFAULT NULL,
  `f` float unsigned DEFAULT NULL,
  `u3` varchar(5) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci DEFAULT (_utf8mb4'x'),
  `v` vector(3) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `fn` ((lower(`name`)),`y` DESC),
  UNIQUE KEY `pre` (`name`(10)) /*!80000 INVISIBLE */,
  KEY `mv` ((cast(json_extract(`doc`,_utf8mb4'$.a') as unsigned array))),
  SPATIAL KEY `p` (`p`),
  FULLTEXT KEY `ft` (`name`) /*!50100 WITH PARSER `ngram` */ ,
  CONSTRAINT `c1` CHECK ((`y` > 1990)) /*!80016 NOT ENFORCED */,
  CONSTRAINT `fk` FOREIGN KEY (`len`) REFERENCES `x` (`id`) ON DELETE RESTRICT
) ENGINE=InnoDB AUTO_INCREMENT=77 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci STATS_PERSISTENT=1 COMMENT='a;b' /*!80023 AUTOEXTEND_SIZE=4194304 */
/*!50100 PARTITION BY HASH (`id`)
PARTITIONS 4 */
