CREATE TABLE `m57` (
  `a` int(11) NOT NULL,
  `b` varchar(20) CHARACTER SET utf8 COLLATE utf8_bin DEFAULT NULL,
  `c` char(4) CHARACTER SET latin1 DEFAULT 'x',
  `d` decimal(65,30) DEFAULT '-1.5',
  `e` enum('y','n ') CHARACTER SET utf8 NOT NULL DEFAULT 'y',
  `g` int(11) GENERATED ALWAYS AS ((`a` + 1)) VIRTUAL,
  `h` bit(1) DEFAULT b'1',
  `i` bigint(20) DEFAULT -5,
  UNIQUE KEY `a` (`a`,`b`(3)) USING BTREE COMMENT 'k'
) ENGINE=InnoDB DEFAULT CHARSET=utf8 ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=8
