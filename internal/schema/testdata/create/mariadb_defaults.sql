CREATE TABLE `a6` (
  `a` int(11) DEFAULT (1 + 2),
  `b` varchar(40) DEFAULT uuid(),
  `c` int(11) DEFAULT nextval(`t`.`sq`),
  `d` datetime DEFAULT current_timestamp(),
  `b2` blob DEFAULT 'x',
  `b3` text DEFAULT 'abc',
  `x` varbinary(20) DEFAULT '',
  `ch` char(3) DEFAULT '''\\',
  `ign` int(11) NOT NULL,
  `bn` binary(4) DEFAULT 'ab\0\0',
  `dd` date DEFAULT '2020-01-01',
  `dy` date DEFAULT (curdate() + interval 1 day),
  KEY `kk` (`ign`) IGNORED,
  CONSTRAINT `a6_ibfk_1` FOREIGN KEY (`ign`) REFERENCES `pp` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci
