CREATE TABLE `a2` (
  `u` uuid NOT NULL,
  `i6` inet6 DEFAULT NULL,
  `i4` inet4 DEFAULT NULL,
  `p` point NOT NULL,
  `g` geometry DEFAULT NULL,
  `c1` char(5) CHARACTER SET ucs2 COLLATE ucs2_general_ci DEFAULT NULL,
  `c2` varchar(10) CHARACTER SET utf16 COLLATE utf16_general_ci DEFAULT NULL,
  `c3` text CHARACTER SET gbk COLLATE gbk_chinese_ci DEFAULT NULL,
  `c4` varchar(10) CHARACTER SET sjis COLLATE sjis_japanese_ci DEFAULT NULL,
  `c5` varchar(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_swedish_ai_ci DEFAULT NULL,
  `c6` varchar(5) CHARACTER SET latin1 COLLATE latin1_nopad_bin DEFAULT NULL,
  PRIMARY KEY (`u`),
  SPATIAL KEY `p` (`p`)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci
